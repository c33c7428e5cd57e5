//! What the processes of this sandbox hold and have used, as `/proc` tells its first process.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// The first process, which is not the function's.
const FIRST: i32 = 1;

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| pid != FIRST)
}

/// Memory that can't be had back while the processes run: theirs, and the files in `/tmp`.
pub(super) fn memory_bytes() -> u64 {
    let of_processes: u64 = processes()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
        .map(|status| held_bytes(&status))
        .sum();
    let of_files = statvfs("/tmp").map_or(0, |files| {
        (files.blocks() - files.blocks_free()) * files.fragment_size()
    });
    of_processes + of_files
}

/// Pages of files are left out: the system drops them when it needs the memory. What is swapped out is
/// not, since Lambda swaps nothing.
const COUNTED: [&str; 3] = ["RssAnon:", "RssShmem:", "VmSwap:"];

/// Of a process.
fn held_bytes(status: &str) -> u64 {
    let kilobytes = status
        .lines()
        .filter(|line| COUNTED.iter().any(|name| line.starts_with(name)))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.sum::<u64>() * 1024
}

/// Counts the CPU time of processes that come and go.
#[derive(Debug, Default)]
pub(super) struct CpuMeter(HashMap<i32, Duration>);

impl CpuMeter {
    /// What was used since this was asked last. Of a process that has ended, what came after that is
    /// not known.
    pub(super) fn used(&mut self) -> Duration {
        let now: HashMap<i32, Duration> = processes()
            .filter_map(|pid| Some((pid, cpu_time(pid)?)))
            .collect();
        let used = now
            .iter()
            .map(|(pid, time)| time.saturating_sub(self.0.get(pid).copied().unwrap_or_default()))
            .sum();
        self.0 = now;
        used
    }
}

fn cpu_time(pid: i32) -> Option<Duration> {
    let time = clock_getcpuclockid(Pid::from_raw(pid)).ok()?.now().ok()?;
    Some(time.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_is_held_by_no_file() {
        let status = "VmRSS:\t  9999 kB\nRssAnon:\t     100 kB\nRssFile:\t    5000 kB\nRssShmem:\t      20 kB\nVmSwap:\t       4 kB\n";
        assert_eq!(held_bytes(status), 124 * 1024);
        assert_eq!(held_bytes("Name:\tzombie\n"), 0);
    }

    #[test]
    fn cpu_time_of_a_process_is_told_to_the_nanosecond() {
        let own = i32::try_from(std::process::id()).expect("a process id");
        let before = cpu_time(own).expect("this process");
        while cpu_time(own).expect("this process") == before {}
        // Linux numbers no process higher than 1 << 22.
        assert_eq!(cpu_time((1 << 22) + 1), None);
    }
}
