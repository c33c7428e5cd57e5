//! The function under a filter like Lambda's, which refuses system calls that work elsewhere.
#![expect(clippy::unwrap_used, reason = "this is test code")]

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// Lambda gives a function ten seconds to start.
const START: Duration = Duration::from_secs(10);

/// An ordinary user, where the test itself runs as root.
const NOBODY: u32 = 65534;

/// Refused on Lambda, whatever they are asked for.
const REFUSED: [libc::c_long; 6] = [
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_chroot,
    libc::SYS_ptrace,
    libc::SYS_mount,
    libc::SYS_unshare,
];

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command as an ordinary user.
fn ordinary(command: &mut Command) -> &mut Command {
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Starts the function; gives it once it asks for its first event.
fn started(folder: &Path, is_filtered: bool) -> Ended {
    let program = folder.join("bootstrap");
    fs::copy(env!("CARGO_BIN_EXE_transcode"), &program).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = api.local_addr().unwrap().to_string();
    let child = thread::spawn(move || {
        // A filter is that of its thread, and of whatever that starts.
        if is_filtered {
            let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
            let rules = REFUSED.map(|call| (call, Vec::new()));
            let arch = std::env::consts::ARCH.try_into().unwrap();
            let filter =
                SeccompFilter::new(BTreeMap::from(rules), SeccompAction::Allow, eperm, arch);
            apply_filter(&BpfProgram::try_from(filter.unwrap()).unwrap()).unwrap();
        }
        ordinary(&mut Command::new(program))
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", authority.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "transcode"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "a secret of the function"),
                ("VIDEOS_TABLE", "videos"),
                ("UPLOADS_BUCKET", "uploads"),
                ("MEDIA_BUCKET", "media"),
                ("MAX_DURATION_SECONDS", "60"),
                ("AUDIO_ONLY", "accepted"),
                ("MAX_HEIGHT", "1080"),
                ("ENCODER_PRESET", "balanced"),
                ("VIDEO_CODECS", "h264"),
                ("MAX_PARALLEL_CHUNKS", "8"),
                ("TARGET_CHUNK_SECONDS", "10"),
                ("RUN_TIMEOUT_SECONDS", "900"),
                (
                    "STATE_MACHINE_ARN",
                    "arn:aws:states:us-east-1:1:stateMachine:x",
                ),
            ])
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    });
    let mut child = Ended(child.join().unwrap());
    let (asked, first_request) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = api.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        asked.send(line).unwrap();
        // Not answered: it waits for an event.
        thread::sleep(Duration::from_mins(1));
    });
    let line = first_request.recv_timeout(START).unwrap_or_default();
    let asks = line.starts_with("GET /2018-06-01/runtime/invocation/next");
    assert!(asks, "it did not start: {:?}", child.0.try_wait());
    child
}

/// Whether a program of the same user can read this file of the function's in `/proc`.
fn is_read(child: &Ended, name: &str) -> bool {
    let file = format!("/proc/{}/{name}", child.0.id());
    let mut head = Command::new("head");
    let head = ordinary(head.args(["-c", "1", &file])).output().unwrap();
    let refused = String::from_utf8_lossy(&head.stderr).contains("Permission denied");
    assert!(head.status.success() || refused, "{head:?}");
    head.status.success()
}

#[test]
fn it_starts_where_lambda_refuses_and_hides_all_the_same() {
    for is_filtered in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let child = started(folder.path(), is_filtered);
        for name in ["environ", "maps", "auxv"] {
            assert!(!is_read(&child, name), "{name}, filter: {is_filtered}");
        }
    }
}

#[test]
fn what_does_not_hide_is_read() {
    let sleep = ordinary(Command::new("sleep").arg("60")).spawn().unwrap();
    assert!(is_read(&Ended(sleep), "environ"));
}
