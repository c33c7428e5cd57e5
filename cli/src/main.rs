//! The `reelrun` command: everything a person does with Reelrun, from a fresh clone to a deployed
//! stack. This file only wires arguments to the module that does the work.
//!
//! What always holds: each command is idempotent, says what it does and how long it took, and
//! ends every failure in one sentence and the way out.
#![forbid(unsafe_code)]

mod api;
mod arch;
mod args;
mod artifacts;
mod aside;
mod bench;
mod builder;
mod demo;
mod deploy;
mod emulator_kind;
mod fuzz;
mod http;
mod key_store;
mod layer;
mod lint;
mod page;
mod playback;
mod playback_keys;
mod players;
mod prerequisites;
mod process;
mod process_registry;
mod project;
mod release;
mod rollback;
mod sam;
mod sandbox;
mod secret;
mod share;
mod signals;
mod smoke;
mod soak;
mod stack;
mod state;
mod test;
mod tools;
mod tracks;
mod ui;
mod upload;
mod uploader;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::args::{Args, Command};
use crate::project::Project;
use crate::ui::Ui;

fn main() -> ExitCode {
    let args = Args::parse();
    // Before any thread: one that has others can't make a user namespace.
    #[cfg(target_os = "linux")]
    if let Command::LambdaSandbox(args) = &args.command {
        return ended(sandbox::run(args));
    }
    let ui = if args.command.answers_in_json() {
        Ui::to_stderr(args.verbose)
    } else {
        Ui::to_stdout(args.verbose)
    };
    ended(signals::watch_signals().and_then(|()| run(args, ui)))
}

fn ended(result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is::<signals::Stopped>() => {
            eprintln!("\nreelrun: stopped.");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\nreelrun: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args, ui: Ui) -> Result<u8> {
    let project = Project::find(ui)?;
    match args.command {
        Command::Demo(args) => demo::run(&project, &args),
        Command::Test(args) => test::run(&project, &args),
        Command::Up(args) => stack::up(&project, &args),
        Command::Down => stack::down(&project),
        Command::Upload(args) => upload::run(&project, &args),
        Command::Share(args) => share::run(&project, &args),
        Command::Tracks(args) => tracks::run(&project, &args),
        Command::Smoke(args) => smoke::run(&project, &args),
        Command::Layer(args) => layer::run(&project, args.arch),
        Command::Build(args) => builder::run(&project, args.arch),
        Command::Deploy(args) => deploy::run(&project, &args),
        Command::Rollback(args) => rollback::run(&project, &args),
        Command::Bench(args) => bench::run(&project, &args),
        Command::Fuzz(args) => fuzz::run(&project, &args),
        Command::Soak(args) => soak::run(&project, &args),
        Command::Lint => lint::run(&project),
        #[cfg(target_os = "linux")]
        Command::LambdaSandbox(args) => sandbox::run(&args),
    }
}
