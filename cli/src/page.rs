//! The page: built with npm from `web/`, put into the bucket that the CDN serves.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use crate::process::{Task, find_program};
use crate::project::Project;
use crate::sam::Deployment;
use crate::secret::sha256_hex;
use crate::state::StackState;

/// Uploads a folder; assets first, and the page that names them last.
const UPLOAD: &str = include_str!("page_upload.py");

/// Made by tools, not by people.
const NOT_SOURCES: [&str; 4] = ["node_modules", "dist", "test-results", "playwright-report"];

/// Builds the page if it is not built already. None without npm: then there is an API and no page.
pub(crate) fn build(project: &Project) -> Result<Option<PathBuf>> {
    let web = project.root().join("web");
    let Some(npm) = find_program("npm") else {
        project.say.line(
            "There is no npm on PATH, so the page is left out; install Node.js 20.19 or newer to have it.",
        );
        return Ok(None);
    };
    let built = project.target().join("page");
    let stamp = project.target().join("page.stamp");
    let sources = fingerprint(&web)?;
    if built.join("index.html").is_file()
        && fs::read_to_string(&stamp).is_ok_and(|was| was == sources)
    {
        return Ok(Some(built));
    }
    let step = project.say.begin("Building the page");
    install(project, &npm)?;
    Task::new(project, "page build", &npm)
        .args(["--prefix", "web", "run", "--silent", "build", "--"])
        .args(["--emptyOutDir", "--outDir"])
        .arg(&built)
        .way_out("Fix what the compiler says, then run the command again.")
        .run()?;
    fs::write(&stamp, sources).with_context(|| format!("cannot write {}", stamp.display()))?;
    step.done();
    Ok(Some(built))
}

/// Makes sure that the page's libraries are there, as its lock file pins them.
pub(crate) fn install(project: &Project, npm: &Path) -> Result<()> {
    let web = project.root().join("web");
    let pinned =
        fs::read(web.join("package-lock.json")).context("cannot read web/package-lock.json")?;
    let stamp = web.join("node_modules/.reelrun-stamp");
    if fs::read_to_string(&stamp).is_ok_and(|was| was == sha256_hex(&pinned)) {
        return Ok(());
    }
    Task::new(project, "npm ci", npm)
        .args(["--prefix", "web", "ci", "--no-audit", "--no-fund"])
        .way_out(
            "Check that this machine reaches its npm registry and has Node.js 20.19 or newer, then \
             run the command again.",
        )
        .run()?;
    fs::write(&stamp, sha256_hex(&pinned))
        .with_context(|| format!("cannot write {}", stamp.display()))
}

/// Puts a built page where the stack's CDN finds it.
pub(crate) fn publish(
    project: &Project,
    deployment: &Deployment<'_>,
    built: &Path,
    state: &StackState,
) -> Result<()> {
    let config = json!({"api_url": state.api_url, "lookup_url": state.lookup_url}).to_string();
    let task = Task::new(project, "page upload", project.tool("python"))
        .log(deployment.logs.join("page-upload.log"));
    deployment
        .place
        .environment(task)
        .args(["-c", UPLOAD])
        .arg(built)
        .args([&state.media_bucket, &config])
        .way_out("Check that your AWS credentials may write to the stack's media bucket.")
        .run()
}

/// Changes with every source of the page.
fn fingerprint(web: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(web, &mut files)?;
    files.sort();
    let lines = files.into_iter().map(|file| {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(format!("{} {}\n", file.display(), sha256_hex(bytes)))
    });
    Ok(sha256_hex(lines.collect::<Result<String>>()?))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if NOT_SOURCES.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
