//! Where a person's manifest comes from and where the run is shown: pipes, and terminals with nobody behind them.
#![cfg(feature = "local")]

mod common;

use common::Run;
use std::process::{Command, Output, Stdio};

/// Runs a command on a terminal that answers no question, and prints what it wrote there.
const NOBODY: &str = "
import os, pty, subprocess, sys
reader, terminal = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
os.close(terminal)
while True:
    try:
        piece = os.read(reader, 65536)
    except OSError:
        break
    if not piece:
        break
    os.write(1, piece)
sys.exit(child.wait())
";

fn on_a_terminal(run: &Run, term: &str, size: &str) -> Output {
    let tuning = run.tuning(&[]);
    // The size is that of the terminal, which is standard input here.
    let script = format!("stty {size}; exec \"$0\" \"$@\"");
    Command::new("python3")
        .args(["-c", NOBODY, "sh", "-c", &script])
        .arg(tuning.get_program())
        .args(tuning.get_args())
        .env("TERM", term)
        .output()
        .unwrap()
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_is_written_to_line_by_line() {
    let cases = [
        ("silent", "xterm", "rows 40 cols 100", "can't be drawn on"),
        ("sizeless", "xterm", "rows 0 cols 0", "no columns"),
        ("dumb", "dumb", "rows 40 cols 100", ""),
    ];
    for (name, term, size, why) in cases {
        let run = Run::new(name, 2, 1, "echo f1=0.5");
        let done = on_a_terminal(&run, term, size);
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{name}: {said}");
        assert!(said.contains(why), "{name}: {said}");
        assert!(
            said.contains(&format!("{name}-0002  Succeeded")),
            "{name}: {said}"
        );
        assert_eq!(said.contains('\u{1b}'), term != "dumb", "{name}: {said:?}");
    }
}

/// A run whose manifest is handed to `tuning` by a line of shell, in which `$1` is the manifest and `$0` the program.
fn piped(name: &str, line: &str) -> Output {
    let run = Run::new(name, 1, 1, "sh ./beside.sh");
    std::fs::write(run.base.join("beside.sh"), "echo f1=0.5").unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-c", line, env!("CARGO_BIN_EXE_tuning")])
        .arg(run.base.join("job.yaml"))
        .current_dir(&run.base)
        .stdin(Stdio::null());
    command.output().unwrap()
}

#[test]
fn a_manifest_may_come_out_of_a_pipe_and_the_working_folder_is_its_own() {
    let lines = [
        "cat $1 | $0 run - --run run",
        "$0 run - --run run < $1",
        "cat $1 | $0 run /dev/stdin --run run",
        "$0 run /dev/stdin --run run < $1",
        "$0 run <(cat $1) --run run",
    ];
    for (i, line) in lines.iter().enumerate() {
        let done = piped(&format!("piped{i}"), line);
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success() && said.contains("1 trials are done"),
            "{line}: {said} {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

#[test]
fn a_manifest_out_of_a_pipe_is_checked_and_its_faults_say_where_they_are() {
    let sound = piped("checked", "cat $1 | $0 validate -");
    assert!(String::from_utf8_lossy(&sound.stdout).starts_with("standard input: a sound TuningJob"));
    let wrong = piped("wrong", "sed s/Maximize/Upwards/ $1 | $0 validate -");
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(said.contains("standard input: spec.objective.goal"), "{said}");
}
