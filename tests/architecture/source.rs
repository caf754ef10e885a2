//! Reads the source tree: files, and their text without comments, literals and inline tests.

use std::path::{Path, PathBuf};

/// One Rust source file.
pub(crate) struct Source {
    /// Path from the repository's root, with forward slashes.
    pub(crate) path: String,
    /// The text as written.
    pub(crate) text: String,
}

impl Source {
    /// Returns the code alone: comments and literals blanked, inline test modules removed.
    pub(crate) fn code(&self) -> String {
        without_inline_tests(&blanked(&self.text))
    }

    /// Returns the text without inline test modules; lines keep their comments.
    pub(crate) fn text_without_tests(&self) -> String {
        without_inline_tests(&self.text)
    }

    /// Tells whether the file is a test module that was moved out of the file it tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("_test.rs") || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Returns the file's own name.
    pub(crate) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Returns the repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live one level below the root").to_owned()
}

/// Reads every Rust file below the given directories of the repository; missing directories are empty.
pub(crate) fn sources(directories: &[&str]) -> Vec<Source> {
    let files = directories.iter().flat_map(|directory| files_below(directory));
    let rust = files.filter(|path| path.ends_with(".rs"));
    rust.map(|path| Source { text: std::fs::read_to_string(root().join(&path)).expect("sources are UTF-8"), path })
        .collect()
}

/// Lists every file below a directory of the repository, leaving out version control and build output.
pub(crate) fn files_below(directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root().join(directory), &mut found);
    let mut paths: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(root()).expect("found below the root").to_string_lossy().replace('\\', "/"))
        .collect();
    paths.sort_unstable();
    paths
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_build_output = path.join("CACHEDIR.TAG").exists();
        if entry.file_name() == ".git" || is_build_output {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Removes `#[cfg(test)] mod name { ... }` blocks; formatted code closes them at the indentation they open at.
fn without_inline_tests(text: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let opens = |next: &&str| next.trim_start().starts_with("mod ") && next.trim_end().ends_with('{');
        if line.trim() == "#[cfg(test)]" && lines.peek().is_some_and(opens) {
            let opening = lines.next().unwrap_or_default();
            let indent = &opening[..opening.len() - opening.trim_start().len()];
            let closing = format!("{indent}}}");
            for inner in lines.by_ref() {
                if inner == closing {
                    break;
                }
            }
            continue;
        }
        kept.push(line);
    }
    kept.join("\n")
}

/// Replaces comments and the insides of literals by blanks, keeping line ends.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment_end(bytes, at);
        let Some(end) = end else {
            at += 1;
            continue;
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns where the comment or literal that starts at `at` ends, or `None` when none starts there.
fn literal_or_comment_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return Some(find(bytes, at, b"\n").unwrap_or(bytes.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(find(bytes, at + 2, b"*/").map_or(bytes.len(), |end| end + 2));
    }
    let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest[0] == b'r' && (!word_before || bytes[at - 1] == b'b') {
        let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            let closing = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            let inside = at + 2 + hashes;
            return Some(find(bytes, inside, &closing).map_or(bytes.len(), |end| end + closing.len()));
        }
    }
    match rest[0] {
        b'"' => Some(quoted_end(bytes, at, b'"')),
        b'\'' if is_character(rest) => Some(quoted_end(bytes, at, b'\'')),
        _ => None,
    }
}

/// Tells a character literal from a lifetime: a literal is escaped or closes right after one character.
fn is_character(rest: &[u8]) -> bool {
    if rest.get(1) == Some(&b'\\') {
        return true;
    }
    let width = rest.get(1).map_or(1, |first| match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    });
    rest.get(1 + width) == Some(&b'\'')
}

fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let from = from.min(bytes.len());
    bytes[from..].windows(what.len()).position(|window| window == what).map(|position| from + position)
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let source = Source {
        path: "a/b.rs".into(),
        text: "fn a<'x>() { let q = '\"'; \"no // code\"; r#\"no \" code\"#; } // no code\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}".into(),
    };
    let code = source.code();
    assert!(code.contains("fn a<'x>() { let q =") && code.ends_with("\nfn c() {}"), "{code}");
    assert!(!code.contains("no") && !code.contains("fn b"), "{code}");
}
