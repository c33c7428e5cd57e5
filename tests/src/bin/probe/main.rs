//! Breaks one rule of the sandbox that functions run in, as a program or as a function; tests look at
//! what becomes of it. What it needs of arguments is in the variable `PROBE`: a case, and its numbers.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a test tool"
)]

mod calls;
mod function;

use std::{
    env,
    fs::File,
    hint::black_box,
    io::{self, Write as _},
    thread,
    time::{Duration, Instant},
};

use rustix::process::DumpableBehavior;

fn main() -> io::Result<()> {
    let asked = env::var("PROBE").unwrap_or_default();
    let mut words = asked.split(' ');
    let case = words.next().unwrap();
    let mut number = || {
        words
            .next()
            .map_or(0, |word| word.parse::<usize>().unwrap())
    };
    match case {
        "refused" => calls::report(&calls::refused()),
        "unknown" => calls::report(&calls::unknown()),
        "descriptors" => println!("{}", descriptors()),
        "threads" => println!("{}", threads()),
        "memory" => hold(number(), number()),
        "burn" => println!("{}", burn(number(), number())),
        "count" => count(),
        // As a function's `main` may do that has only run where this is permitted.
        "unhandled" => {
            rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
            function::serve(|_| "started".into());
        }
        "function" => function::serve(|event| match event["hold_mb"].as_u64() {
            Some(megabytes) => {
                hold(usize::try_from(megabytes).unwrap(), 200);
                "held".into()
            }
            None => std::fs::read_to_string("/proc/self/status").unwrap().into(),
        }),
        other => panic!("no case {other:?}"),
    }
    Ok(())
}

/// How many files can be open at once.
fn descriptors() -> usize {
    // The last one is that of the folder itself.
    let before = std::fs::read_dir("/proc/self/fd").unwrap().count() - 1;
    let mut open = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        open.push(file);
    }
    before + open.len()
}

/// How many threads this process can have.
fn threads() -> usize {
    let start = || {
        thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(|| thread::sleep(Duration::from_mins(1)))
    };
    let mut count = 1;
    while start().is_ok() {
        count += 1;
    }
    count
}

/// Takes memory, says how much it has taken, and keeps it for some milliseconds.
fn hold(megabytes: usize, keep_ms: usize) {
    let mut held = Vec::new();
    for taken in 1..=megabytes {
        held.push(black_box(vec![1_u8; 1 << 20]));
        println!("{taken}");
    }
    thread::sleep(Duration::from_millis(u64::try_from(keep_ms).unwrap()));
}

/// Uses CPU on several threads; gives the milliseconds that it took.
fn burn(threads: usize, cpu_ms: usize) -> u128 {
    let begun = Instant::now();
    let work = move || {
        while cpu_time() < Duration::from_millis(u64::try_from(cpu_ms).unwrap()) {}
    };
    let threads: Vec<_> = (0..threads).map(|_| thread::spawn(work)).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    begun.elapsed().as_millis()
}

/// Of this thread, to the nanosecond.
fn cpu_time() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let used = times.split(' ').next().unwrap();
    Duration::from_nanos(used.parse().unwrap())
}

/// Shows that it runs, for as long as it does.
fn count() {
    let mut out = io::stdout();
    for line in 0_u64.. {
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
}
