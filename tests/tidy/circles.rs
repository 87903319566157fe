//! No circle between files: who changes one file of a circle has to know them all.
//!
//! An edge is a path in a file's text that leads to another file. A name that a `mod.rs` re-exports leads to the file that
//! defines it. What a `mod.rs` defines itself is the words of its room, free for every file below it; tests don't count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::source::{code, imports, paths, regex};

/// The text of each file, by its place in the crate: `space::point`, and `space` for `space/mod.rs`.
type Tree = BTreeMap<String, Source>;

struct Source {
    /// Whether it is a `mod.rs`.
    is_room: bool,
    /// Without comments, tests and re-exports.
    text: String,
    /// Names that are defined elsewhere, and where.
    exports: Vec<(String, String)>,
    /// Names that others may import from here.
    defined: BTreeSet<String>,
}

/// Which file uses which.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// A complaint for each circle.
pub fn circles<'a>(files: impl IntoIterator<Item = (&'a str, String)>) -> Vec<String> {
    let graph = graph(&tree(files));
    let mut complaints = vec![];
    let mut seen = BTreeSet::new();
    for file in graph.keys() {
        if let Some(circle) =
            way(&graph, file, file).filter(|circle| !circle.iter().any(|file| seen.contains(file)))
        {
            complaints.push(format!("a circle: {} -> {file}", circle.join(" -> ")));
            seen.extend(circle);
        }
    }
    complaints
}

fn tree<'a>(files: impl IntoIterator<Item = (&'a str, String)>) -> Tree {
    let sources = files.into_iter().filter_map(|(path, text)| {
        let place = path.strip_prefix("src/")?.strip_suffix(".rs")?;
        if place == "lib" || place.starts_with("bin/") || place.ends_with("_tests") {
            return None;
        }
        let room = place.strip_suffix("/mod");
        let text = code(text.split("#[cfg(test)]").next().unwrap_or_default());
        // What a module inside the file imports, it mostly imports from the file.
        let text = regex(r"(?ms)^(?:pub )?mod \w+ \{$.*?^\}$").replace_all(&text, "");
        Some((
            room.unwrap_or(place).replace('/', "::"),
            source(room.is_some(), &text),
        ))
    });
    sources.collect()
}

fn source(is_room: bool, text: &str) -> Source {
    let reexport = regex(r"(?s)\bpub(?:\([a-z]+\))?\s+use\s+[^;]+;");
    let exports = reexport.find_iter(text).flat_map(|found| imports(found.as_str()));
    let exports = exports.filter_map(|path| {
        let (path, name) = path
            .split_once(" as ")
            .map_or((path.as_str(), None), |(path, name)| (path, Some(name)));
        let name = name.or_else(|| path.rsplit("::").next())?;
        Some((name.to_owned(), path.to_owned()))
    });
    let definition =
        regex(r"\bpub(?:\([a-z]+\))?\s+(?:async\s+)?(?:struct|enum|fn|const|static|trait|type)\s+(\w+)");
    Source {
        is_room,
        exports: exports.collect(),
        defined: definition
            .captures_iter(text)
            .map(|found| found[1].to_owned())
            .collect(),
        text: reexport.replace_all(text, "").into_owned(),
    }
}

fn graph(tree: &Tree) -> Graph {
    let uses = |(from, source): (&String, &Source)| {
        // Not after a dot or another part of a path.
        let words = regex(r"(?:^|[^:.\w])([A-Za-z_]\w*)");
        let named = paths(&source.text)
            .into_iter()
            .filter_map(|path| absolute(tree, from, &path));
        let named = named.flat_map(|path| match path.strip_suffix("::*") {
            Some(room) => {
                let named = words
                    .captures_iter(&source.text)
                    .map(|word| format!("{room}::{}", &word[1]));
                named.filter(|path| !tree.contains_key(path)).collect()
            }
            None => vec![path],
        });
        let to: BTreeSet<String> = named.filter_map(|path| file_of(tree, &path)).collect();
        let is_own_room = |other: &String| from.starts_with(&format!("{other}::"));
        (
            from.clone(),
            to.into_iter()
                .filter(|other| other != from && !is_own_room(other))
                .collect(),
        )
    };
    tree.iter().map(uses).collect()
}

/// A path from the crate's root, if it begins with a module of this crate.
fn absolute(tree: &Tree, from: &str, path: &str) -> Option<String> {
    let (first, rest) = path.split_once("::").unwrap_or((path, ""));
    match first {
        "crate" | "tuning_operator" => Some(rest.to_owned()),
        "self" => Some(format!("{from}::{rest}")),
        "super" => {
            let parent = from.rsplit_once("::").map_or("", |(parent, _)| parent);
            match rest.starts_with("super") {
                true => absolute(tree, parent, rest),
                false => Some(format!("{parent}::{rest}").trim_start_matches("::").to_owned()),
            }
        }
        _ => {
            let below = format!("{from}::{first}");
            (tree[from].is_room && tree.contains_key(&below)).then(|| format!("{from}::{path}"))
        }
    }
}

/// The file where a path leads: the one that defines its name, as far as re-exports tell.
fn file_of(tree: &Tree, path: &str) -> Option<String> {
    let ends = path.match_indices("::").map(|(at, _)| at).chain([path.len()]);
    let file = ends
        .map(|end| &path[..end])
        .filter(|place| tree.contains_key(*place))
        .last()?;
    let source = &tree[file];
    let name = path[file.len()..]
        .trim_start_matches("::")
        .split("::")
        .next()
        .unwrap_or_default();
    let exported = source.exports.iter().find_map(|(exported, at)| {
        let at = absolute(tree, file, at)?;
        match at.strip_suffix("::*") {
            Some(below) => tree.get(below)?.defined.contains(name).then(|| below.to_owned()),
            None => (exported == name).then(|| file_of(tree, &at)).flatten(),
        }
    });
    Some(exported.unwrap_or_else(|| file.to_owned()))
}

/// The files on a shortest way over at least one edge, without its end.
fn way<'a>(graph: &'a Graph, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut reached = BTreeSet::new();
    let mut ways = VecDeque::from([vec![from]]);
    while let Some(way) = ways.pop_front() {
        let used = graph.get(*way.last()?)?;
        if used.contains(to) {
            return Some(way);
        }
        let new = used.iter().filter(|file| reached.insert(file.as_str()));
        ways.extend(new.map(|file| [&way[..], &[file.as_str()]].concat()));
    }
    None
}
