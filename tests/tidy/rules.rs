//! The rules: each a function from a file's text to complaints.

use std::collections::BTreeSet;

use crate::source::{code, paths, regex};

pub const MAX_LINES: usize = 380;
pub const MAX_BIN_LINES: usize = 30;

/// Who may use whom: a module of `src/` and the modules it may name.
const ARROWS: &[(&str, &str)] = &[
    ("space", ""),
    ("optimizer", "space"),
    ("metrics", ""),
    ("tuning", "space optimizer metrics"),
    ("api", "space optimizer tuning metrics"),
    ("contract", "space optimizer tuning metrics api"),
    ("view", "space optimizer tuning api"),
    ("shell", ""),
    ("local", "space optimizer tuning api contract metrics view shell"),
    ("operator", "space optimizer tuning api contract metrics shell"),
    ("trainer", ""),
    (
        "cli",
        "space optimizer tuning api metrics view local operator trainer",
    ),
];

/// Modules that decide and do nothing else.
const PURE: &[&str] = &[
    "space",
    "optimizer",
    "metrics",
    "tuning",
    "api",
    "contract",
    "view",
];

/// What a pure module has no use for, as the beginnings of paths.
const IMPURE_PATHS: &str = "
    std::env std::fs std::net std::process std::thread std::io::stdin std::io::stdout std::io::stderr
    std::time::SystemTime std::time::Instant SystemTime::now Instant::now Timestamp::now Zoned::now
    env::var fs:: rand reqwest tokio tracing log";

pub fn header(_: &str, text: &str) -> Vec<String> {
    complaint(
        !text.starts_with("//! "),
        "begins without a `//!` that says what it is for",
    )
}

pub fn length(path: &str, text: &str) -> Vec<String> {
    let limit = if path.starts_with("src/bin/") {
        MAX_BIN_LINES
    } else {
        MAX_LINES
    };
    let lines = text.lines().count();
    complaint(lines > limit, &format!("{lines} lines; the limit is {limit}"))
}

pub fn leftovers(_: &str, text: &str) -> Vec<String> {
    let left = regex(r"\b(todo!|dbg!|unimplemented!)|#\[ignore\b");
    left.find_iter(&code(text))
        .map(|found| format!("{} is left", found.as_str()))
        .collect()
}

pub fn arrows(path: &str, text: &str) -> Vec<String> {
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

pub fn purity(path: &str, text: &str) -> Vec<String> {
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

pub fn machine_paths(_: &str, text: &str) -> Vec<String> {
    let local = regex(r#"(^|[\s"'`(=:])/(root|work|home|Users)/[\w.-]"#);
    local
        .find_iter(text)
        .map(|found| format!("names a folder of one machine: {}", found.as_str().trim()))
        .collect()
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

pub fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    (name != "lib").then_some(name)
}

pub fn allowed(module: &str) -> Option<&'static str> {
    ARROWS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, may)| *may)
}

pub fn complaint(is_one: bool, what: &str) -> Vec<String> {
    if is_one { vec![what.to_owned()] } else { vec![] }
}
