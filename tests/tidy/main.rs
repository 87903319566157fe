//! The rules of this code base that a compiler does not hold, as tests.
//!
//! Every rule is a function from a file's text to complaints; the last test feeds each one something bad, so that a
//! rule which has stopped seeing anything does not pass for a tidy tree.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use regex::Regex;

const MAX_LINES: usize = 400;
const MAX_BIN_LINES: usize = 30;
const MAX_BYTES: u64 = 700_000;

/// Who may use whom: a module of `src/` and the modules it may name.
const ARROWS: &[(&str, &str)] = &[
    ("space", ""),
    ("optimizer", "space"),
    ("metrics", ""),
    ("tuning", "space optimizer metrics"),
    ("api", "space optimizer tuning metrics"),
    ("contract", "space optimizer tuning metrics api"),
    ("view", "space optimizer tuning api"),
    ("local", "space optimizer tuning api contract metrics view"),
    ("operator", "space optimizer tuning api contract metrics"),
    ("trainer", ""),
    (
        "cli",
        "space optimizer tuning api metrics view local operator trainer",
    ),
];

/// Modules that decide and do nothing else.
const PURE: &[&str] = &["space", "optimizer", "tuning", "contract", "metrics"];

/// What a pure module has no use for, as the beginnings of paths.
const IMPURE_PATHS: &str = "
    std::env std::fs std::net std::process std::thread std::io::stdin std::io::stdout std::io::stderr
    std::time::SystemTime std::time::Instant SystemTime::now Instant::now Timestamp::now Zoned::now
    env::var fs:: rand reqwest tokio tracing log";

/// This file names everything it forbids.
const SELF: &str = "tests/tidy.rs";

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
fn every_module_has_its_arrows() {
    let unknown = |path: &str, _: &str| {
        let known = module_of(path).is_none_or(|module| module == "bin" || allowed(module).is_some());
        complaint(!known, "add the module to ARROWS in tests/tidy.rs")
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

// === the rules ===

fn header(_: &str, text: &str) -> Vec<String> {
    complaint(
        !text.starts_with("//! "),
        "begins without a `//!` that says what it is for",
    )
}

fn length(path: &str, text: &str) -> Vec<String> {
    let limit = if path.starts_with("src/bin/") {
        MAX_BIN_LINES
    } else {
        MAX_LINES
    };
    let lines = text.lines().count();
    complaint(lines > limit, &format!("{lines} lines; the limit is {limit}"))
}

fn leftovers(_: &str, text: &str) -> Vec<String> {
    let left = regex(r"\b(todo!|dbg!|unimplemented!)|#\[ignore\b");
    left.find_iter(&code(text))
        .map(|found| format!("{} is left", found.as_str()))
        .collect()
}

fn arrows(path: &str, text: &str) -> Vec<String> {
    let Some((module, may)) = module_of(path).and_then(|module| Some((module, allowed(module)?))) else {
        return vec![];
    };
    let forbidden =
        |other: &&str| ARROWS.iter().any(|(name, _)| name == other) && !may.split(' ').any(|m| m == *other);
    let text = code(text);
    let named = paths(&text)
        .into_iter()
        .filter_map(|found| from_the_root(path, &found));
    let named: BTreeSet<String> = named
        .filter(|other| other != module && forbidden(&other.as_str()))
        .collect();
    named
        .iter()
        .map(|other| format!("`{module}` may not use `{other}`"))
        .collect()
}

fn purity(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module_of(path).filter(|module| PURE.contains(module)) else {
        return vec![];
    };
    let text = code(text);
    let mut complaints: Vec<String> = paths(&text)
        .iter()
        .filter(|found| {
            IMPURE_PATHS
                .split_whitespace()
                .any(|impure| begins(found, impure))
        })
        .map(|found| format!("pure, and names `{found}`"))
        .collect();
    let prints = regex(r"\b(e?println!|e?print!)");
    complaints.extend(
        prints
            .find_iter(&text)
            .map(|found| format!("pure, and calls {}", found.as_str())),
    );
    if path == format!("src/{module}/mod.rs") && !text.contains("#![deny(clippy::disallowed_methods)]") {
        complaints.push("pure, without #![deny(clippy::disallowed_methods)]".into());
    }
    complaints
}

fn machine_paths(_: &str, text: &str) -> Vec<String> {
    let local = regex(r#"(^|[\s"'`(=:])/(root|work|home|Users)/[\w.-]"#);
    local
        .find_iter(text)
        .map(|found| format!("names a folder of one machine: {}", found.as_str().trim()))
        .collect()
}

// === reading source text ===

/// The text without its line comments: documentation may point anywhere.
fn code(text: &str) -> String {
    let comment = regex(r"(?m)(^|\s)//.*$");
    comment.replace_all(text, "").into_owned()
}

/// Every path the text names, `use` groups written out.
fn paths(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for import in regex(r"(?s)\buse\s+([^;]+);").captures_iter(text) {
        let tree: String = import[1].split_whitespace().collect::<Vec<_>>().join(" ");
        write_out("", &tree, &mut found);
    }
    let inline = regex(r"\b[A-Za-z_]\w*(::[A-Za-z_]\w*)+");
    found.extend(inline.find_iter(text).map(|path| path.as_str().to_owned()));
    found
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn write_out(before: &str, tree: &str, found: &mut BTreeSet<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = format!("{before}{}", tree.trim());
        found.insert(
            path.split(" as ")
                .next()
                .unwrap_or_default()
                .trim_start_matches("::")
                .to_owned(),
        );
        return;
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let before = format!("{before}{}", head.trim());
    let (mut depth, mut start) = (0_i32, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let branch = inner[start..at].trim();
                if !branch.is_empty() {
                    write_out(&before, branch, found);
                }
                start = (at + 1).min(inner.len());
            }
            _ => {}
        }
    }
}

/// The top-level module that a path names by way of the crate's root, if it does.
fn from_the_root(file: &str, path: &str) -> Option<String> {
    let mut parts = path.split("::").peekable();
    let mut climbed = 0;
    while parts.next_if(|part| *part == "super").is_some() {
        climbed += 1;
    }
    let inside = file
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .trim_end_matches("/mod");
    let depth = inside.split('/').count();
    if climbed == 0 && !matches!(parts.next(), Some("crate" | "tuning_operator"))
        || (1..depth).contains(&climbed)
    {
        return None;
    }
    parts.next().map(str::to_owned)
}

fn begins(path: &str, with: &str) -> bool {
    path.strip_prefix(with)
        .is_some_and(|rest| with.ends_with("::") || rest.is_empty() || rest.starts_with("::"))
}

fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    (name != "lib").then_some(name)
}

fn allowed(module: &str) -> Option<&'static str> {
    ARROWS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, may)| *may)
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
        let own_words = path == SELF && !text.is_empty();
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

fn complaint(is_one: bool, what: &str) -> Vec<String> {
    if is_one { vec![what.to_owned()] } else { vec![] }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
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
