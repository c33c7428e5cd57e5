//! What a sandbox sees: its code, its layer, the system's programs and settings, and a `/tmp`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{chdir, pivot_root};

use super::SandboxArgs;

/// The system's programs and libraries. Those that are links are the same links inside.
const SYSTEM: [&str; 7] = ["bin", "lib", "lib32", "lib64", "nix", "sbin", "usr"];

/// Of the settings only what programs of Lambda's system read too: names of hosts and services, time,
/// encryption, where libraries are.
const SETTINGS: [&str; 14] = [
    "alternatives",
    "ca-certificates",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "pki",
    "protocols",
    "resolv.conf",
    "ssl",
];

/// There is no `/dev/shm`, as on Lambda.
const DEVICES: [&str; 5] = ["full", "null", "random", "urandom", "zero"];

const LINKS: [(&str, &str); 4] = [
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
];

/// Where the sandbox's root is made, and where the machine's is while it is made.
const NEW: &str = "/tmp";
const OLD: &str = "/.old";

/// What is bound where.
#[derive(Debug, PartialEq, Eq)]
struct Bound {
    /// In the machine's files, with all links followed.
    source: PathBuf,
    /// From the sandbox's root.
    target: PathBuf,
}

/// Shows this process, and whatever it starts, only what a function may see.
pub(super) fn enter(args: &SandboxArgs, user: u32) -> Result<()> {
    // The machine's root is looked at before it is out of sight.
    let (bound, links) = plan(args)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .context("cannot make mounts of its own")?;
    temporary(NEW, "size=1m,mode=755")?;
    fs::create_dir(format!("{NEW}{OLD}"))?;
    pivot_root(NEW, &*format!("{NEW}{OLD}")).context("cannot change the root")?;
    chdir("/")?;
    for one in &bound {
        bind(one).with_context(|| format!("cannot show {}", one.source.display()))?;
    }
    for (link, target) in links {
        make_parent(&link)?;
        symlink(target, link)?;
    }
    for name in ["etc", "proc", "tmp", "var/task", "opt"] {
        fs::create_dir_all(Path::new("/").join(name))?;
    }
    let name = "sbx_user1051";
    fs::write(
        "/etc/passwd",
        format!("{name}:x:{user}:{user}::/:/sbin/nologin\n"),
    )?;
    fs::write("/etc/group", format!("{name}:x:{user}:\n"))?;
    let harmless = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), harmless, none).context("cannot mount /proc")?;
    temporary("/tmp", &format!("size={}m,mode=1777", args.storage_mb))?;
    umount2(OLD, MntFlags::MNT_DETACH).context("cannot hide the machine's files")?;
    fs::remove_dir(OLD)?;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(none, "/", none, flags, Some("size=1m,mode=755")).context("cannot protect the root")?;
    chdir("/var/task").context("no code")
}

type Links = Vec<(PathBuf, PathBuf)>;

fn plan(args: &SandboxArgs) -> Result<(Vec<Bound>, Links)> {
    let mut bound = Vec::new();
    let mut links: Links = LINKS
        .iter()
        .map(|(link, target)| (Path::new("/").join(link), PathBuf::from(target)))
        .collect();
    for name in SYSTEM {
        let path = Path::new("/").join(name);
        if let Ok(target) = fs::read_link(&path) {
            links.push((path, target));
        } else if path.exists() {
            bound.push(Bound::new(&path, &path)?);
        }
    }
    let settings = SETTINGS.iter().map(|name| Path::new("/etc").join(name));
    let devices = DEVICES.iter().map(|name| Path::new("/dev").join(name));
    for path in settings.chain(devices).filter(|path| path.exists()) {
        bound.push(Bound::new(&path, &path)?);
    }
    bound.push(Bound::new(&args.code, Path::new("/var/task"))?);
    if let Some(layer) = &args.layer {
        bound.push(Bound::new(layer, Path::new("/opt"))?);
    }
    Ok((bound, links))
}

impl Bound {
    fn new(source: &Path, target: &Path) -> Result<Self> {
        Ok(Self {
            source: source
                .canonicalize()
                .with_context(|| format!("no {}", source.display()))?,
            target: target.to_owned(),
        })
    }
}

fn temporary(target: &str, options: &str) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))
        .with_context(|| format!("cannot mount {target}"))
}

fn bind(one: &Bound) -> Result<()> {
    let source = Path::new(OLD).join(one.source.strip_prefix("/")?);
    make_parent(&one.target)?;
    if source.is_dir() {
        fs::create_dir_all(&one.target)?;
    } else {
        File::create(&one.target)?;
    }
    let none = None::<&str>;
    let target = one.target.as_path();
    // In a namespace of a user's own, what is mounted below can't be left out.
    mount(Some(&source), target, none, MsFlags::MS_BIND, none).or_else(|_| {
        let all = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(&source), target, none, all, none)
    })?;
    let mut flags =
        MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    // What holds for the machine can't be lifted.
    for (has, keep) in [
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if statvfs(target)?.flags().contains(has) {
            flags |= keep;
        }
    }
    mount(none, target, none, flags, none)?;
    Ok(())
}

fn make_parent(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(())
}
