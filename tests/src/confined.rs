//! Runs the product's own code on a hostile file, with ffprobe and ffmpeg under strace: what they
//! opened, where they connected, how much memory they took and how long it all lasted.
//!
//! The transcoder runs in the test's process, with a bucket that tells nobody of its objects, so
//! that the deployed function does not take the work away.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use reelrun_media::source::SourceLimits;
use reelrun_platform::{
    aws,
    catalog::Catalog,
    state_machine::StateMachine,
    storage::{Buckets, Storage},
};
use reelrun_transcode::{
    handler, invocation::Invocation, process::Programs, transcoder::Transcoder,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::{
    delivery::put_event,
    settings::ONE_CHUNK,
    stack::{Stack, program},
};

/// As deployed by default.
const MEMORY_MB: u32 = 3008;

/// A listener that nobody has a reason to connect to.
#[derive(Debug)]
pub struct Bait {
    /// Its address, as a URL.
    pub url: String,
    connections: Arc<AtomicUsize>,
}

impl Default for Bait {
    fn default() -> Self {
        Self::new()
    }
}

impl Bait {
    /// Begins to listen, for as long as the test runs.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        std::thread::spawn(move || {
            while listener.accept().is_ok() {
                count.fetch_add(1, Relaxed);
            }
        });
        Self { url, connections }
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

/// What programs did.
#[derive(Debug, Default, Clone)]
pub struct Traced {
    /// The files they opened, or tried to.
    pub opened: BTreeSet<String>,
    /// Where they connected to: address and port.
    pub connected: BTreeSet<String>,
    /// The programs that were started.
    pub started: Vec<String>,
    /// The limits of each that could be read, as the system tells them.
    pub limits: Vec<String>,
    /// The most memory that one of them held, in bytes.
    pub peak_bytes: u64,
}

/// Programs that are traced.
#[derive(Debug)]
pub struct Tracer {
    folder: tempfile::TempDir,
    traced: Arc<Mutex<Traced>>,
    reader: JoinHandle<()>,
    poller: JoinHandle<()>,
    ended: Arc<AtomicBool>,
}

/// Ends the log.
const LAST_LINE: &str = "no more";

impl Tracer {
    /// Makes a program of the layer one that is traced, for each of these names.
    ///
    /// Limits are set on a program that has begun. strace would start the real one before that, so
    /// one that is to be confined waits for them.
    pub fn new(programs: &[&str], is_confined: bool) -> Self {
        let wait = if is_confined {
            "until [ \"$(ulimit -f)\" = 0 ]; do :; done\n"
        } else {
            ""
        };
        let strace = Command::new("strace").arg("--version").output();
        assert!(
            strace.is_ok_and(|answer| answer.status.success()),
            "strace is needed (Debian and Ubuntu: `sudo apt install strace`)"
        );
        let folder = tempfile::tempdir().unwrap();
        // A pipe with a name, since a traced program may write no file.
        let log = folder.path().join("log");
        mknodat(CWD, &log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for name in programs {
            let script = format!(
                "#!/bin/sh\n{wait}exec {} -f -qq --seccomp-bpf -s 4096 -o {} -e trace=open,openat,openat2,creat,connect,bind,execve,execveat {} \"$@\"\n",
                on_path("strace").display(),
                log.display(),
                on_path_or_layer(name).display(),
            );
            let path = folder.path().join(name);
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let traced = Arc::new(Mutex::new(Traced::default()));
        let ended = Arc::new(AtomicBool::new(false));
        let processes = Arc::new(Mutex::new(BTreeSet::new()));
        // Open in both directions, a named pipe waits for nobody and has no end.
        let lines = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&log)
            .unwrap();
        let reader = std::thread::spawn({
            let (traced, processes) = (traced.clone(), processes.clone());
            move || {
                for line in BufReader::new(lines).lines() {
                    let line = line.unwrap();
                    if line == LAST_LINE {
                        break;
                    }
                    if let Some((id, _)) = line.split_once(' ') {
                        processes.lock().unwrap().insert(id.to_owned());
                    }
                    traced.lock().unwrap().add(&line);
                }
            }
        });
        let poller = std::thread::spawn({
            let (traced, ended) = (traced.clone(), ended.clone());
            move || {
                let mut seen = BTreeSet::new();
                while !ended.load(Relaxed) {
                    for id in processes.lock().unwrap().iter() {
                        if let Ok(status) = fs::read_to_string(format!("/proc/{id}/status")) {
                            let mut traced = traced.lock().unwrap();
                            traced.peak_bytes = traced.peak_bytes.max(peak(&status));
                        }
                        let limits = fs::read_to_string(format!("/proc/{id}/limits"));
                        if let Ok(limits) = limits
                            && seen.insert(id.clone())
                        {
                            traced.lock().unwrap().limits.push(limits);
                        }
                    }
                    std::thread::sleep(Duration::from_millis(4));
                }
            }
        });
        Self {
            folder,
            traced,
            reader,
            poller,
            ended,
        }
    }

    /// Where the program of this name is.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What was seen, once all programs have ended.
    pub fn end(self) -> Traced {
        let mut log = File::options()
            .write(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        writeln!(log, "{LAST_LINE}").unwrap();
        self.reader.join().unwrap();
        self.ended.store(true, Relaxed);
        self.poller.join().unwrap();
        Arc::into_inner(self.traced).unwrap().into_inner().unwrap()
    }
}

impl Traced {
    /// Takes a line of strace's: process, call, arguments, answer.
    fn add(&mut self, line: &str) {
        let Some((_, call)) = line.split_once(' ') else {
            return;
        };
        let call = call.trim_start();
        let Some((name, rest)) = call.split_once('(') else {
            return;
        };
        let quoted = || rest.split('"').nth(1).unwrap_or_default().to_owned();
        match name {
            "execve" | "execveat" => self.started.push(quoted()),
            "open" | "openat" | "openat2" | "creat" => {
                self.opened.insert(quoted());
            }
            "connect" | "bind" => {
                let port = rest.split("port=htons(").nth(1);
                let port = port.and_then(|rest| rest.split(')').next());
                let address = rest.split('"').nth(1).unwrap_or_default();
                self.connected
                    .insert(format!("{address}:{}", port.unwrap_or_default()));
            }
            _ => {}
        }
    }
}

/// The most memory that a process ever held, in bytes.
fn peak(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

fn on_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{name} is not on the PATH"))
}

fn on_path_or_layer(name: &str) -> PathBuf {
    let program = program(name);
    if program.is_absolute() {
        program
    } else {
        on_path(name)
    }
}

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    /// The video, as the API shows it.
    pub video: Value,
    /// What the programs did.
    pub traced: Traced,
    /// How long it took.
    pub elapsed: Duration,
    /// What the handler answered: an error is a failure, not a verdict.
    pub answer: Result<(), String>,
}

/// Transcodes hostile files.
#[derive(Debug)]
pub struct Laboratory {
    stack: Stack,
    bucket: String,
}

impl Laboratory {
    /// With a bucket of its own.
    pub async fn open() -> Self {
        let stack = Stack::get();
        let bucket = format!("attacks-{}", uuid::Uuid::new_v4());
        let created = stack.s3().create_bucket().bucket(&bucket).send().await;
        created.unwrap();
        Self { stack, bucket }
    }

    /// The address that programs have a reason to connect to.
    pub fn storage(&self) -> &str {
        self.stack
            .aws_endpoint_url
            .split_once("://")
            .unwrap()
            .1
            .trim_end_matches('/')
    }

    /// Puts a file where sources are, and gives the video's id.
    pub async fn put(&self, filename: &str, bytes: &[u8]) -> String {
        let content_type = reelrun_core::media_type::for_filename(filename).unwrap();
        let length = bytes.len() as u64;
        let id = self
            .stack
            .permission(filename, content_type, length)
            .video_id;
        self.stack
            .s3()
            .put_object()
            .bucket(&self.bucket)
            .key(format!("uploads/{id}/source"))
            .content_type(content_type)
            .body(bytes.to_vec().into())
            .send()
            .await
            .unwrap();
        id
    }

    /// A URL by which a program may read a file.
    pub async fn url(&self, id: &str) -> String {
        let valid = Duration::from_mins(10);
        let valid = aws_sdk_s3::presigning::PresigningConfig::expires_in(valid).unwrap();
        let signed = self
            .stack
            .s3()
            .get_object()
            .bucket(&self.bucket)
            .key(format!("uploads/{id}/source"))
            .presigned(valid)
            .await
            .unwrap();
        signed.uri().into()
    }

    /// Transcodes a file as the function does.
    pub async fn transcode(&self, filename: &str, bytes: &[u8]) -> Outcome {
        let id = self.put(filename, bytes).await;
        let tracer = Tracer::new(&["ffprobe", "ffmpeg"], true);
        let sdk = self.stack.aws();
        let buckets = Buckets {
            uploads: self.bucket.clone(),
            media: self.bucket.clone(),
        };
        let transcoder = Transcoder {
            storage: Storage::new(aws::s3(&sdk), buckets),
            catalog: Catalog::new(aws::dynamodb(&sdk), self.stack.videos_table.clone()),
            programs: Programs {
                ffmpeg: tracer.program("ffmpeg"),
                ffprobe: tracer.program("ffprobe"),
                ca_file: None,
                memory_mb: MEMORY_MB,
            },
            limits: SourceLimits {
                max_duration_seconds: 43_200,
                accepts_audio_only: true,
            },
            settings: ONE_CHUNK,
            runs: StateMachine::new(
                aws::step_functions(&sdk),
                self.stack.state_machine_arn.clone(),
            ),
            function: "reelrun-transcode:1".into(),
            run_timeout: Duration::from_hours(1),
        };
        let mut event = put_event(&self.stack, &id, bytes.len() as u64);
        event["Records"][0]["s3"]["bucket"]["name"] = json!(self.bucket);
        let begun = Instant::now();
        let invocation = Invocation::lasting(Duration::from_mins(3));
        let answer = handler::handle(&transcoder, &event, &invocation).await;
        let elapsed = begun.elapsed();
        Outcome {
            video: self.stack.video(&id),
            traced: tracer.end(),
            elapsed,
            answer: answer.map(drop).map_err(|why| why.to_string()),
        }
    }
}

/// What ffprobe and ffmpeg open by themselves: their libraries, what the machine is, and the system's
/// settings for encryption. Nothing that is anyone's.
pub fn is_expected(path: &str) -> bool {
    let library = Path::new(path)
        .file_name()
        .is_some_and(|name| name.to_string_lossy().contains(".so"))
        && ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"]
            .iter()
            .any(|folder| path.starts_with(folder));
    let system = [
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/usr/share/zoneinfo/",
        "/etc/ssl/",
        "/etc/pki/",
        "/proc/self/",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/sys/",
        "/sys/devices/system/",
        "/sys/fs/cgroup/",
        "/dev/null",
        "/dev/urandom",
    ];
    library || system.iter().any(|place| path.starts_with(place))
}
