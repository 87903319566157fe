//! Reading source text.

use std::collections::BTreeSet;

use regex::Regex;

/// The text without its line comments: documentation may point anywhere.
pub fn code(text: &str) -> String {
    let comment = regex(r"(?m)(^|\s)//.*$");
    comment.replace_all(text, "").into_owned()
}

/// Every path the text names, `use` groups written out.
pub fn paths(text: &str) -> BTreeSet<String> {
    let imported = |path: String| path.split(" as ").next().unwrap_or_default().to_owned();
    let mut found: BTreeSet<String> = imports(text).into_iter().map(imported).collect();
    let inline = regex(r"\b[A-Za-z_]\w*(::[A-Za-z_]\w*)+");
    found.extend(inline.find_iter(text).map(|path| path.as_str().to_owned()));
    found
}

/// What the text imports, groups written out, each with its ` as NAME`.
pub fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for import in regex(r"(?s)\buse\s+([^;]+);").captures_iter(text) {
        let tree: String = import[1].split_whitespace().collect::<Vec<_>>().join(" ");
        write_out("", &tree, &mut found);
    }
    found
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn write_out(before: &str, tree: &str, found: &mut BTreeSet<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = format!("{before}{}", tree.trim());
        found.insert(path.trim_start_matches("::").to_owned());
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

pub fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}
