//! What a trial needs of memory: no more when it goes on than when it begins, and where there is too little it says so.
#![cfg(all(feature = "trainer", target_os = "linux"))]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tiny::Tiny;

unsafe extern "C" {
    fn wait4(process: i32, status: *mut i32, options: i32, usage: *mut [i64; 18]) -> i32;
}

/// The status of a process that is left to end, and its highest use of memory in MiB.
fn wait(process: u32) -> (i32, f64) {
    const MAX_RSS: usize = 4;
    let (mut status, mut usage) = (0, [0; 18]);
    // SAFETY: both places are as large as the kernel's: a number, and `struct rusage`, which is 18 of 64 bits.
    let ended = unsafe { wait4(process as i32, &mut status, 0, &mut usage) };
    assert_eq!(ended, process as i32);
    (status, usage[MAX_RSS] as f64 / 1024.0)
}

/// Runs until the log says a line with this beginning, or to its end, and gives the status, the memory and the log.
#[expect(
    clippy::zombie_processes,
    reason = "wait4 waits for it, and says what it took"
)]
fn run(command: &mut Command, until: Option<&str>) -> (i32, f64, String) {
    let mut child = command.stderr(std::process::Stdio::inherit()).spawn().unwrap();
    let mut log = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if until.is_some_and(|beginning| line.starts_with(beginning)) {
            child.kill().unwrap();
        }
        log += &(line + "\n");
    }
    let (status, memory) = wait(child.id());
    (status, memory, log)
}

/// Its own peak and that of a run that goes on from a state.
fn check(name: &str, tiny: &Tiny, model: &Path) {
    let trial = || {
        let arguments = [
            "--checkpoint-minutes",
            "1e-9",
            "--batch-size",
            "2",
            "--epochs",
            "1",
        ];
        let mut command = tiny.command(&arguments);
        command
            .arg("--model")
            .arg(model)
            .env("TUNING_CHECKPOINT_DIR", "state");
        command
    };
    // What the allocator keeps differs by a fifth from run to run: the least of a few is what a run needs.
    let least = |one: &dyn Fn() -> f64| (0..4).map(|_| one()).fold(f64::INFINITY, f64::min);
    let undisturbed = least(&|| {
        let (status, memory, _) = run(&mut trial(), None);
        assert_eq!(status, 0);
        memory
    });
    let resumed = least(&|| {
        run(&mut trial(), Some("saved the state after step 2"));
        let (status, memory, log) = run(&mut trial(), None);
        assert!(status == 0 && log.contains("resumed after step"), "{log}");
        memory
    });
    println!("{name}: {undisturbed:.0} MiB undisturbed, {resumed:.0} MiB resumed");
    assert!(
        resumed <= 1.1 * undisturbed,
        "{resumed} MiB against {undisturbed}"
    );
}

#[test]
fn going_on_takes_no_more_than_beginning() {
    let tiny = Tiny::new("memory");
    check("tiny", &tiny, Path::new("model"));
}

fn minilm() -> Option<PathBuf> {
    let named = std::env::var_os("TUNING_MODEL").map(PathBuf::from);
    let cached = std::env::home_dir().map(|home| home.join(".cache/tuning-operator/minilm-l6-v2"));
    named.or(cached).filter(|folder| folder.is_dir())
}

/// A few short sentences to learn from, and as many words as there are, so that the whole word table is trained.
#[test]
fn going_on_with_a_real_checkpoint_takes_no_more_than_beginning() {
    let Some(model) = minilm() else {
        println!("left out: there is no checkpoint; make setup fetches it");
        return;
    };
    let tiny = Tiny::new("memory-minilm");
    let words = std::fs::read_to_string(model.join("vocab.txt")).unwrap();
    let words: Vec<&str> = words
        .lines()
        .filter(|word| word.len() > 3 && word.is_ascii())
        .collect();
    let mut dev = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n".to_owned();
    for (number, part) in words.chunks(100).take(40).enumerate() {
        let (first, second) = part.split_at(part.len() / 2);
        dev += &format!(
            "{}\t1\t2\t{}\t{}\n",
            number % 2,
            first.join(" "),
            second.join(" ")
        );
    }
    tiny.write("data/dev.tsv", &dev);
    let train: Vec<String> = tiny
        .read("data/train.tsv")
        .lines()
        .take(13)
        .map(str::to_owned)
        .collect();
    tiny.write("data/train.tsv", &(train.join("\n") + "\n"));
    check("MiniLM", &tiny, &model);
}

/// Under `limit` KiB of address space.
fn limited(tiny: &Tiny, limit: u64, arguments: &[&str]) -> Output {
    let trial = tiny.command(arguments);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -v {limit}; exec \"$@\""))
        .arg("sh")
        .arg(trial.get_program())
        .args(trial.get_args())
        .current_dir(&tiny.dir);
    for (name, value) in trial.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

/// With less than this not even the help comes: libtorch's libraries need it before the program begins.
fn begins(tiny: &Tiny, limit: u64) -> bool {
    limited(tiny, limit, &["--help"]).status.success()
}

#[test]
fn with_too_little_memory_it_says_so_whatever_lacks_it() {
    let tiny = Tiny::new("limits");
    let least = (75..400).map(|n| n * 4_000).find(|limit| begins(&tiny, *limit));
    let least = least.expect("there is a limit under which the program begins");
    // Much for the first allocations of Rust, then of the thread pool, of libtorch, and at last enough for all.
    let mut ends = [0, 0];
    for (limit, threads) in (0..18).map(|n| (least + n * 3_000, if n % 3 == 2 { "4" } else { "1" })) {
        let output = limited(&tiny, limit, &["--epochs", "1", "--threads", threads]);
        let said = String::from_utf8_lossy(&output.stderr);
        println!(
            "{limit} KiB, {threads} threads: {:?} {}",
            output.status.code(),
            said.trim_end()
        );
        match output.status.code() {
            Some(0) => ends[0] += 1,
            Some(4) => {
                ends[1] += 1;
                assert!(
                    said.starts_with("bert-trainer: no ") && said.lines().count() == 1,
                    "{said}"
                );
                assert_eq!(
                    said.trim_end(),
                    format!("bert-trainer: {}", tiny.read("out/message").trim_end())
                );
            }
            other => panic!("{limit} KiB: {other:?}: {said}"),
        }
    }
    assert!(ends[1] > 0, "no limit was too small");
}
