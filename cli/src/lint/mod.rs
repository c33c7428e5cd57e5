//! Formatting, lints and the template, in one go.

mod circles;
mod imports;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::page;
use crate::process::{Task, find_program};
use crate::project::Project;
use crate::tools;

const TEMPLATE: &str = "infra/template.yaml";

/// `cargo reelrun lint`. What is wrong is shown whole, not as a log's tail.
pub(crate) fn run(project: &Project) -> Result<u8> {
    project
        .say
        .line("Reelrun: formatting, lints and the template");
    tools::prepare(project)?;
    let cargo = || PathBuf::from("cargo");
    check(
        project,
        "Formatting",
        cargo(),
        &["fmt", "--all", "--check"],
        "`cargo fmt --all` sets the formatting right",
    )?;
    check(
        project,
        "Formatting of the fuzz targets",
        cargo(),
        &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"],
        "`cargo fmt --manifest-path fuzz/Cargo.toml` sets the formatting right",
    )?;
    let step = project.say.begin("Import circles");
    circles::check(project.root())?;
    step.done();
    let clippy = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ];
    let way_out = "fix what clippy says";
    check(project, "Lints", cargo(), &clippy, way_out)?;
    let way_out = "fix infra/template.yaml";
    let cfn_lint = project.tool("cfn-lint");
    check(
        project,
        "Template (cfn-lint)",
        cfn_lint,
        &[TEMPLATE],
        way_out,
    )?;
    if let Some(npm) = find_program("npm") {
        page::install(project, &npm)?;
        let way_out = "`npm --prefix web run format` sets the formatting right, `npm --prefix web run api` the \
                       API's types";
        check(
            project,
            "Page",
            npm,
            &["--prefix", "web", "run", "--silent", "lint"],
            way_out,
        )?;
    } else {
        project
            .say
            .line("There is no npm on PATH: the page is not checked.");
    }
    // The region only decides which resource types exist; nothing is called.
    let validate = [
        "validate",
        "--lint",
        "--region",
        "us-east-1",
        "--template-file",
        TEMPLATE,
    ];
    check(
        project,
        "Template (sam validate)",
        project.tool("sam"),
        &validate,
        way_out,
    )?;
    Ok(0)
}

fn check(
    project: &Project,
    title: &str,
    program: PathBuf,
    args: &[&str],
    way_out: &str,
) -> Result<()> {
    let step = project.say.begin(title);
    let code = Task::new(project, title, program)
        .args(args)
        .env("SAM_CLI_TELEMETRY", "0")
        .show()?;
    if code != 0 {
        bail!("{title}: not as it should be; {way_out}");
    }
    step.done();
    Ok(())
}
