//! The rules of this code base that a compiler does not hold, as tests.
//!
//! Every rule is a function from a file's text to complaints; the last test feeds each one something bad, so that a
//! rule which has stopped seeing anything does not pass for a tidy tree.

mod circles;
mod rules;
mod source;

use std::path::Path;
use std::process::Command;

use circles::circles;
use rules::*;

const MAX_BYTES: u64 = 700_000;

/// These files name everything they forbid.
const SELF: &str = "tests/tidy/";

#[test]
fn every_file_says_what_it_is_for() {
    check_all(".rs", header);
}

#[test]
fn files_are_short() {
    check_all(".rs", length);
}

#[test]
fn nothing_is_left_undone() {
    check_all(".rs", leftovers);
}

#[test]
fn arrows_point_one_way() {
    check_all(".rs", arrows);
}

#[test]
fn no_files_use_each_other() {
    let listed = files();
    let sources = listed
        .iter()
        .filter_map(|path| Some((path.as_str(), std::fs::read_to_string(path).ok()?)));
    let complaints = circles(sources);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_module_has_its_arrows() {
    let unknown = |path: &str, _: &str| {
        let known = module_of(path).is_none_or(|module| module == "bin" || allowed(module).is_some());
        complaint(!known, "add the module to ARROWS in tests/tidy/rules.rs")
    };
    check_all(".rs", unknown);
}

#[test]
fn pure_modules_touch_nothing() {
    check_all(".rs", purity);
}

#[test]
fn nothing_names_one_machine() {
    check_all("", machine_paths);
}

#[test]
fn files_are_small_and_the_lock_file_is_there() {
    let large = files()
        .into_iter()
        .filter(|path| std::fs::metadata(path).is_ok_and(|file| file.len() > MAX_BYTES));
    assert_eq!(
        large.collect::<Vec<_>>(),
        Vec::<String>::new(),
        "larger than {MAX_BYTES} bytes"
    );
    assert!(
        files().iter().any(|path| path == "Cargo.lock"),
        "Cargo.lock is not committed"
    );
}

// === the tree ===

/// Every file that git has or would take.
fn files() -> Vec<String> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let answer = Command::new("git")
        .args(list)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("git");
    assert!(
        answer.status.success(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let listed = String::from_utf8(answer.stdout).expect("names in UTF-8");
    listed
        .lines()
        .filter(|path| Path::new(path).is_file())
        .map(str::to_owned)
        .collect()
}

fn check_all(ending: &str, rule: impl Fn(&str, &str) -> Vec<String>) {
    let mut complaints = vec![];
    let mut seen = 0;
    for path in files().iter().filter(|path| path.ends_with(ending)) {
        // A file that is not text has no lines to judge.
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        seen += 1;
        let own_words = path.starts_with(SELF);
        let found = if own_words {
            length(path, &text)
        } else {
            rule(path, &text)
        };
        complaints.extend(found.into_iter().map(|complaint| format!("{path}: {complaint}")));
    }
    assert!(seen > 0, "no file was looked at");
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

// === do the rules still see? ===

#[test]
fn the_rules_catch_what_they_forbid() {
    let caught = [
        header("src/space/a.rs", "use std::fmt;"),
        length("src/space/a.rs", &"//\n".repeat(MAX_LINES + 1)),
        length("src/bin/a.rs", &"//\n".repeat(MAX_BIN_LINES + 1)),
        leftovers("src/a.rs", "fn a() { todo!() }"),
        leftovers("src/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}"),
        arrows("src/space/a.rs", "use crate::optimizer::Goal;"),
        arrows(
            "src/optimizer/gp.rs",
            "use crate::{\n    space::Point,\n    tuning::{Plan, decide},\n};",
        ),
        arrows("src/tuning/mod.rs", "fn a(b: &crate::api::Spec) {}"),
        arrows("src/space/mod.rs", "use super::optimizer;"),
        arrows("src/space/point.rs", "use super::super::{optimizer::Goal};"),
        arrows("src/metrics/a.rs", "fn a() -> tuning_operator::space::Point {}"),
        arrows("src/metrics/a.rs", "use crate::api::MetricDefinition;"),
        arrows("src/trainer/a.rs", "use crate::metrics::parse;"),
        purity("src/space/a.rs", "use std::{fmt, fs as files};"),
        purity("src/tuning/a.rs", "let now = std::time::Instant::now();"),
        purity("src/tuning/a.rs", "use std::time::{Duration, SystemTime};"),
        purity("src/optimizer/a.rs", "tracing::info!(\"x\");"),
        purity("src/optimizer/a.rs", "println!(\"x\");"),
        purity("src/optimizer/mod.rs", "//! No deny."),
        machine_paths("a.md", "see /root/notes"),
        machine_paths("a.sh", "cd \"/home/me\""),
    ];
    for (case, complaints) in caught.iter().enumerate() {
        assert_eq!(complaints.len(), 1, "case {case}: {complaints:?}");
    }
}

#[test]
fn the_rules_let_the_rest_pass() {
    let passed = [
        leftovers("src/a.rs", "/// Not `todo!()`.\nfn a() {}"),
        arrows(
            "src/optimizer/a.rs",
            "/// As [`crate::tuning`] wants it.\nuse crate::space::Point;",
        ),
        arrows(
            "src/space/point.rs",
            "use super::parameter::Scale;\nmod tests { use super::*; }",
        ),
        arrows("src/cli/run.rs", "use crate::{local, trainer};"),
        purity(
            "src/tuning/a.rs",
            "use std::time::Duration;\nlet a = b.log().exp();",
        ),
        purity("src/local/a.rs", "use std::fs;"),
        machine_paths("a.md", "src/work/x and https://example.com/home/y"),
    ];
    assert!(passed.iter().all(Vec::is_empty), "{passed:?}");
}

#[test]
fn circles_are_seen_however_they_are_written() {
    let complaints = |a: &str, others: &[(&'static str, &str)]| {
        let files = others.iter().copied().chain([("src/x/a.rs", a)]);
        circles(files.map(|(path, text)| (path, text.to_owned())))
    };
    let b = ("src/x/b.rs", "use crate::x::c::C;");
    let c = ("src/x/c.rs", "use super::a::A;");
    let room = ("src/x/mod.rs", "mod a;\npub use b::{B as Bee, Other};");
    for a in [
        "use super::b::B;",
        "use super::{b::{self, B}, d};",
        "fn a() -> crate::x::b::B {}",
        "use super::Bee;",
        "use super::*;\nstruct A(Bee);",
        "use crate::x::{Bee as Wasp};",
    ] {
        assert_eq!(complaints(a, &[b, c, room]).len(), 1, "{a}");
        assert!(complaints(a, &[c, room]).is_empty(), "opened: {a}");
    }
    for a in [
        "use super::d::B;",
        "/// As [`super::b::B`].\nuse super::Word;",
        "#[cfg(test)]\nmod tests { use super::super::b::B; }",
        "mod inner {\n    use super::Bee;\n}",
        "use super::*;\nstruct A(Word);",
    ] {
        let found = complaints(a, &[b, c, room]);
        assert!(found.is_empty(), "{a}: {found:?}");
    }
}
