//! What can be known only on a GPU: does it compute what the CPU computes, and how fast? Run by `scripts/gpu-check`.
//!
//! Each check prints one line of JSON: its name, what was found, what is wanted, and whether it holds (null: there is no verdict, only
//! a figure). On the CPU it is a rehearsal: the same calls with small sizes, and kernels of the tests in place of the fused attention.

mod checks;
#[path = "../../../tests/fixtures/trainer/flash.rs"]
mod flash;
mod models;
mod speed;

use clap::Parser;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use tuning_operator::trainer::device::{self, Place};

/// What is checked on which device.
#[derive(Parser)]
struct Arguments {
    /// The device: cuda, cuda:N, or cpu for a rehearsal
    #[arg(long, default_value = "cuda")]
    device: String,
    /// Folder of a small checkpoint, such as MiniLM-L6
    #[arg(long)]
    model: PathBuf,
    /// Folder to write a checkpoint of BERT-base's shape with random weights to
    #[arg(long)]
    scratch: PathBuf,
    /// What cargo bench passes to each program
    #[arg(long, hide = true)]
    bench: bool,
}

/// Where the checks run.
struct Stage {
    place: Place,
    model: PathBuf,
    scratch: PathBuf,
}

impl Stage {
    fn is_rehearsal(&self) -> bool {
        !self.place.device.is_cuda()
    }
}

/// Says what a check has found; `holds` is null where there is no verdict.
fn say(check: &str, found: &str, wanted: &str, holds: Option<bool>) {
    println!(
        "{}",
        json!({"check": check, "found": found, "wanted": wanted, "holds": holds})
    );
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Before anything else of libtorch.
    let place = match device::choose(&arguments.device) {
        Ok(place) => place,
        Err(failure) => {
            say("no GPU is at hand", &failure.to_string(), "a GPU", None);
            return ExitCode::from(failure.code());
        }
    };
    say("device", &place.label(), "", None);
    let stage = Stage {
        place,
        model: arguments.model,
        scratch: arguments.scratch,
    };
    if stage.is_rehearsal() {
        flash::register();
    }
    checks::run(&stage);
    speed::run(&stage);
    ExitCode::SUCCESS
}
