//! One test for each rule, with a program that breaks it.

use std::{fs, os::unix::process::ExitStatusExt as _, process::Command, time::Duration};

use reelrun_tests::{
    poll::{Patience, so},
    processes::command_lines,
};
use rustix::process::{Pid, Signal, kill_process};

use super::{Sandbox, check_status, field};

const SOON: Patience = Patience::of(Duration::from_secs(10)).every(Duration::from_millis(5));

/// Each call with its error.
fn answers(text: &str) -> Vec<(&str, i32)> {
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines
        .map(|(name, error)| (name, error.parse().unwrap()))
        .collect()
}

/// The same, outside of the sandbox.
fn outside(case: &str) -> String {
    let mut probe = Command::new(env!("CARGO_BIN_EXE_probe"));
    let output = probe.env_clear().env("PROBE", case).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn calls_that_lambda_refuses_are_refused() {
    let inside = Sandbox::probe(1769, "refused").text();
    for (name, error) in answers(&inside) {
        assert_eq!(error, libc::EPERM, "{name}");
    }
    // Elsewhere, some are permitted, to whomever.
    for (name, error) in answers(&outside("refused")) {
        let is_permitted = ["prctl", "seccomp", "unshare", "setns", "ptrace"].contains(&name);
        assert!(!is_permitted || error != libc::EPERM, "{name}");
    }
}

#[test]
fn calls_that_are_newer_than_lambdas_kernel_are_not_there() {
    let inside = Sandbox::probe(1769, "unknown").text();
    for (name, error) in answers(&inside) {
        assert_eq!(error, libc::ENOSYS, "{name}");
    }
    let epoll = outside("unknown");
    assert!(
        answers(&epoll)
            .iter()
            .any(|&(_, error)| error != libc::ENOSYS)
    );
}

/// What a function may do that has only run where `prctl` is permitted.
#[test]
fn a_function_that_takes_a_refusal_for_an_error_does_not_start() {
    let output = Sandbox::probe(1769, "unhandled").output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains("PermissionDenied"), "{said}");
}

#[test]
fn a_function_is_an_ordinary_user_without_capabilities() {
    let status = Sandbox::shell("cat /proc/self/status", &[]).text();
    check_status(&status);
    assert_eq!(field(&status, "NoNewPrivs:"), "1");
}

#[test]
fn nothing_can_be_written_but_tmp() {
    let script = "for it in / /bin /dev /etc /opt /usr /var /var/task /proc; do \
                    touch $it/new 2>/dev/null && echo $it; done; \
                  touch /var/task/bootstrap /etc/hosts 2>/dev/null && echo changed; \
                  touch /tmp/new && echo tmp; ls /tmp";
    assert_eq!(Sandbox::shell(script, &[]).text(), "tmp\nnew\n");
    // Each has one of its own.
    assert_eq!(Sandbox::shell("ls -A /tmp", &[]).text(), "");
}

#[test]
fn tmp_is_as_large_as_configured() {
    let size = Sandbox::shell("df -k --output=size /tmp | tail -n 1", &[]).text();
    assert_eq!(size.trim(), "524288");
    let script = "head -c 17M /dev/zero > /tmp/large 2>/dev/null; stat -c %s /tmp/large";
    let written = Sandbox::shell(script, &["--storage-mb", "16"]).text();
    assert_eq!(written.trim(), "16777216");
}

/// Not even what this test left outside for everybody.
#[test]
fn what_is_others_is_not_there() {
    let left = tempfile::NamedTempFile::new().unwrap();
    let own = env!("CARGO_MANIFEST_DIR");
    let paths = [
        left.path(),
        own.as_ref(),
        "/root".as_ref(),
        "/home".as_ref(),
    ];
    let paths = paths.map(|path| path.display().to_string()).join(" ");
    let script = format!(
        "for it in /dev/shm /run /sys /srv /mnt {paths} /etc/shadow; do \
           test -e $it && echo $it; done; ls / /dev"
    );
    let seen = Sandbox::shell(&script, &[]).text();
    let (found, listed) = seen.split_once("/:\n").unwrap();
    assert_eq!(found, "");
    assert!(
        listed.contains("urandom") && listed.contains("opt"),
        "{listed}"
    );
}

#[test]
fn the_layer_is_at_opt() {
    let layer = tempfile::tempdir().unwrap();
    fs::write(layer.path().join("file"), "of the layer").unwrap();
    let folder = layer.path().to_str().unwrap();
    let script = "cat /opt/file; pwd; echo $LAMBDA_TASK_ROOT $PATH";
    assert_eq!(
        Sandbox::shell(script, &["--layer", folder]).text(),
        "of the layer/var/task\n/var/task /usr/local/bin:/usr/bin/:/bin:/opt/bin\n"
    );
    assert_eq!(Sandbox::shell("ls -A /opt", &[]).text(), "");
}

#[test]
fn only_the_sandboxs_processes_are_seen() {
    let seen = Sandbox::shell("ls -d /proc/[0-9]* | wc -l", &[]).text();
    // The first process, the shell, `ls` and `wc`.
    assert!(seen.trim().parse::<u32>().unwrap() <= 4, "{seen}");
    // The first process is not the function's to look into or to end.
    let script = "cat /proc/1/environ /proc/1/mem 2>/dev/null; kill -9 1 2>/dev/null; echo alive";
    assert_eq!(Sandbox::shell(script, &[]).text(), "alive\n");
}

#[test]
fn a_process_opens_1024_files() {
    assert_eq!(Sandbox::probe(1769, "descriptors").text(), "1024\n");
}

#[test]
fn a_sandbox_has_1024_processes_and_threads() {
    let threads = Sandbox::probe(1769, "threads").text();
    let threads: u32 = threads.trim().parse().unwrap();
    // Where there is only one user, those of the sandbox's first process are among them.
    assert!((1016..=1024).contains(&threads), "{threads}");
}

#[test]
fn who_takes_more_than_the_memory_is_killed() {
    let output = Sandbox::probe(128, "memory 100 200").output();
    assert!(output.status.success(), "{output:?}");
    let output = Sandbox::probe(128, "memory 150 200").output();
    assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{output:?}");
}

#[test]
fn files_in_tmp_are_memory() {
    let hold = |megabytes| {
        let script = format!(
            "head -c {megabytes}M /dev/zero > /tmp/large; PROBE='memory 90 200' ./bootstrap"
        );
        let mut sandbox = Sandbox::of(128, &[]);
        sandbox.command.args(["--", "/bin/sh", "-c", &script]);
        sandbox.output().status
    };
    assert!(hold(10).success());
    assert_eq!(hold(60).signal(), Some(libc::SIGKILL));
}

/// The memory is that of all its processes, and none is left.
#[test]
fn a_sandbox_is_killed_as_a_whole() {
    let mark = format!("{}", uuid::Uuid::new_v4().as_u128());
    let script = format!(
        "setsid sleep 600.{mark} & PROBE='memory 80 60000' ./bootstrap & PROBE='memory 80 60000' ./bootstrap & wait"
    );
    let mut sandbox = Sandbox::of(128, &[]);
    sandbox.command.args(["--", "/bin/sh", "-c", &script]);
    assert_eq!(sandbox.output().status.signal(), Some(libc::SIGKILL));
    assert!(!command_lines().any(|line| line.contains(&mark)));
}

/// A quarter of a CPU for all of its threads. Long after the burst that comes first.
#[test]
fn cpu_is_in_proportion_to_memory() {
    for threads in [1, 2] {
        let text = Sandbox::probe(442, &format!("burn {threads} 500")).text();
        let took: u64 = text.trim().parse().unwrap();
        let share = f64::from(threads) * 500.0 / took as f64;
        assert!(
            share < 0.3,
            "{share} of a CPU: {threads} threads took {took} ms"
        );
    }
}

/// Frozen, it does nothing; thawed, it goes on where it was.
#[test]
fn between_invocations_a_function_stands_still() {
    let mut sandbox = Sandbox::probe(1769, "count").start();
    assert_eq!(sandbox.line(), "0");
    sandbox.tell("freeze");
    let probe = || {
        let first = child(child(i32::try_from(sandbox.launcher.id()).unwrap())?)?;
        fs::read_to_string(format!("/proc/{first}/status")).ok()
    };
    let stands = || so(probe().is_some_and(|status| field(&status, "State:").starts_with('T')));
    SOON.block_on("it stands still", stands);
    sandbox.tell("thaw");
    let mut last = 0;
    // More lines than a pipe could hold: they are written now.
    while last < 20_000 {
        let next: u64 = sandbox.line().parse().unwrap();
        assert_eq!(next, last + 1);
        last = next;
    }
}

/// The only child of a process.
fn child(pid: i32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

#[test]
fn variables_have_4096_bytes() {
    let start = |bytes: usize| {
        let mut sandbox = Sandbox::shell("exit 0", &[]);
        sandbox.command.env("NAME", "x".repeat(bytes));
        sandbox.output()
    };
    assert!(start(4092).status.success());
    let refused = start(4093);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("4097 bytes"),
        "{said}"
    );
}

/// What takes none is kept even there.
#[test]
fn without_namespaces_calls_descriptors_and_variables_are_limited() {
    let probe = |case| {
        let mut sandbox = Sandbox::of(1769, &["--without-namespaces"]);
        sandbox.command.env("PROBE", case);
        sandbox
    };
    let refused = probe("refused").text();
    assert!(
        answers(&refused)
            .iter()
            .all(|&(_, error)| error == libc::EPERM),
        "{refused}"
    );
    assert_eq!(probe("descriptors").text(), "1024\n");
    let mut large = probe("descriptors");
    large.command.env("NAME", "x".repeat(4093));
    assert!(!large.output().status.success());
}

/// As the system tells it, whoever asks.
#[test]
fn it_ends_as_the_function_ends() {
    let end = |script: &str| Sandbox::shell(script, &[]).output().status;
    assert_eq!(end("exit 3").code(), Some(3));
    for signal in [libc::SIGKILL, libc::SIGSEGV, libc::SIGABRT] {
        assert_eq!(end(&format!("kill -{signal} $$")).signal(), Some(signal));
    }
}

/// Whether it is asked to or not, and nobody is left who waits for others.
#[test]
fn it_ends_with_its_launcher() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mark = format!("{}", uuid::Uuid::new_v4().as_u128());
        let script = format!("setsid sleep 600.{mark} & echo started; wait");
        let mut sandbox = Sandbox::shell(&script, &[]).start();
        assert_eq!(sandbox.line(), "started");
        let runs = || command_lines().any(|line| line.starts_with("sleep") && line.contains(&mark));
        SOON.block_on("it runs", || so(runs()));
        let launcher = Pid::from_child(&sandbox.launcher);
        kill_process(launcher, signal).unwrap();
        let status = sandbox.launcher.wait().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
        SOON.block_on("it is gone", || so(!runs()));
    }
}
