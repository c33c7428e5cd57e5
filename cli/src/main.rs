//! The `reelrun` command: everything a person does with Reelrun, from a fresh clone to a deployed
//! stack. This file only wires arguments to the module that does the work.
//!
//! What always holds: each command is idempotent, says what it does and how long it took, and
//! ends every failure in one sentence and the way out.
#![forbid(unsafe_code)]

mod api;
mod arch;
mod args;
mod bench;
mod builder;
mod children;
mod demo;
mod deploy;
mod fuzz;
mod layer;
mod lint;
mod narrate;
mod page;
mod playback;
mod prerequisites;
mod process;
mod project;
mod secret;
mod soak;
mod stack;
mod store;
mod test;
mod tools;
mod upload;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::args::{Args, Command};
use crate::narrate::Narrator;
use crate::project::Project;

fn main() -> ExitCode {
    let args = Args::parse();
    let narrator = if args.command.answers_in_json() {
        Narrator::to_stderr(args.verbose)
    } else {
        Narrator::to_stdout(args.verbose)
    };
    match children::watch_signals().and_then(|()| run(args, narrator)) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is::<children::Stopped>() => {
            eprintln!("\nreelrun: stopped.");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\nreelrun: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args, narrator: Narrator) -> Result<u8> {
    let project = Project::find(narrator)?;
    match args.command {
        Command::Demo(args) => demo::run(&project, &args),
        Command::Test(args) => test::run(&project, &args),
        Command::Up(args) => stack::up(&project, &args),
        Command::Down => stack::down(&project),
        Command::Upload(args) => upload::run(&project, &args),
        Command::Layer(args) => layer::run(&project, args.arch),
        Command::Build(args) => builder::run(&project, args.arch),
        Command::Deploy(args) => deploy::run(&project, &args),
        Command::Bench(args) => bench::run(&project, &args),
        Command::Fuzz(args) => fuzz::run(&project, &args),
        Command::Soak(args) => soak::run(&project, &args),
        Command::Lint => lint::run(&project),
    }
}
