//! From the arguments to the command that they name, and from what it says to an exit code.

use super::args::{BAD_INPUT, Cli, Command};
use super::{add, ask_tell, inspect, run};
use clap::{CommandFactory, Parser};
use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Runs the command that the arguments ask for.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Validate(args) => run::validate(&args),
        Command::Show(args) => inspect::show(&args),
        Command::Plot(args) => inspect::plot(&args),
        Command::Export(args) => inspect::export(&args),
        Command::Explain(args) => inspect::explain(&args),
        Command::Replay(args) => inspect::replay(&args),
        Command::Add(args) => add::add(&args),
        Command::AskTell => ask_tell::run(io::stdin().lock(), io::stdout().lock())
            .map(|()| ExitCode::SUCCESS)
            .map_err(|e| e.to_string()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tuning", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|message| {
        let prefix = if io::stderr().is_terminal() {
            "\u{1b}[31merror:\u{1b}[0m"
        } else {
            "error:"
        };
        for line in message.lines() {
            eprintln!("{prefix} {line}");
        }
        ExitCode::from(BAD_INPUT)
    })
}
