//! No unsafe code, the shared lints everywhere, and nothing that names somebody's machine.

use crate::source::{files_below, root, sources};

/// Beginnings of paths that exist on one machine only. Written in halves, so that this file does not contain them.
const MACHINE_PATHS: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/opt", "/ref"),
];

#[test]
fn no_unsafe_code() {
    let sources = sources(&["src", "codecs", "actors", "tests", "benches"]);
    let words =
        |code: &str| code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == "unsafe");
    let used: Vec<&str> =
        sources.iter().filter(|source| words(&source.code())).map(|source| source.path.as_str()).collect();
    assert!(used.is_empty(), "unsafe code in:\n{}", used.join("\n"));
}

#[test]
fn every_crate_shares_the_lints() {
    for manifest in files_below("").into_iter().filter(|path| path.ends_with("Cargo.toml") && !path.contains("fuzz")) {
        let text = std::fs::read_to_string(root().join(&manifest)).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest} does not take the workspace's lints");
    }
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""), "the workspace must forbid unsafe code");
}

#[test]
fn no_machine_paths() {
    let mut found = Vec::new();
    for path in files_below("") {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let names = MACHINE_PATHS.iter().any(|start| names_path(line, start));
            if names {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "paths of one machine:\n{}", found.join("\n"));
}

/// Tells whether a path in `line` starts with `start`: a longer path or a URL may contain it.
fn names_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-/}>$".contains(letter))
    })
}
