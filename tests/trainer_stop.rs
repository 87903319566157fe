//! Told to stop while it reads its data or loads its checkpoint, a trial ends within a second, and takes nothing along.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};
use tiny::Tiny;

/// Generous, since the machine may have a lot to do.
const PROMPT: Duration = Duration::from_secs(5);

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Starts a trial, tells it to stop as soon as it listens, and says how long it took to end.
fn stopped(tiny: &Tiny, signal: &str) -> (Output, Duration) {
    let port = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut command = tiny.command(&[]);
    command
        .env("TUNING_CHECKPOINT_DIR", "state")
        .env("TUNING_METRICS_PORT", port.to_string());
    let mut child = command.spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it listened");
        std::thread::sleep(Duration::from_millis(5));
    }
    // It has begun to read.
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it had nothing to do");
    send(&child, signal);
    let begun = Instant::now();
    (child.wait_with_output().unwrap(), begun.elapsed())
}

#[test]
fn while_it_reads_its_data_it_stops_at_once_and_a_state_stays_as_it_was() {
    let tiny = Tiny::new("stop-reading");
    std::fs::create_dir_all(tiny.dir.join("state")).unwrap();
    let state = b"what an earlier run has saved";
    std::fs::write(tiny.dir.join("state/state.safetensors"), state).unwrap();
    let lines = tiny.read("data/train.tsv");
    let (head, lines) = lines.split_once('\n').unwrap();
    tiny.write("data/train.tsv", &format!("{head}\n{}", lines.repeat(20_000)));
    for signal in ["-TERM", "-INT"] {
        let (output, took) = stopped(&tiny, signal);
        println!("{signal}: ended after {took:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(143), "{said}");
        assert_eq!(
            said,
            "bert-trainer: told to stop before the first step; start it again\n"
        );
        assert_eq!(format!("bert-trainer: {}\n", tiny.read("out/message")), said);
        assert!(took < PROMPT, "{took:?}");
        assert_eq!(
            std::fs::read(tiny.dir.join("state/state.safetensors")).unwrap(),
            state
        );
        assert!(!tiny.dir.join("out/report.json").exists());
    }
}

/// Data that comes as slowly as over a bad network: nobody writes into the pipe that stands for it.
#[test]
fn while_it_waits_for_a_file_it_stops_at_once() {
    let tiny = Tiny::new("stop-loading");
    let path = tiny.dir.join("data/dev.tsv");
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (output, took) = stopped(&tiny, "-TERM");
    println!("ended after {took:?}");
    assert_eq!(output.status.code(), Some(143));
    assert!(took < PROMPT, "{took:?}");
}
