//! Small rooms: no file over 500 lines, no function over 80, inline tests apart.

use crate::source::sources;

const EVERYWHERE: [&str; 5] = ["src", "codecs", "actors", "tests", "benches"];
const LONGEST_FILE: usize = 500;
const LONGEST_FUNCTION: usize = 80;

#[test]
fn files() {
    let long: Vec<String> = sources(&EVERYWHERE)
        .iter()
        .map(|source| (source.text_without_tests().lines().count(), &source.path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "files over {LONGEST_FILE} lines, split them by responsibility:\n{}", long.join("\n"));
}

#[test]
fn functions() {
    let sources = sources(&EVERYWHERE);
    let long: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            let functions = functions_of(&source.code());
            functions
                .into_iter()
                .filter(|(_, lines)| *lines > LONGEST_FUNCTION)
                .map(|(name, lines)| format!("{}: {name}: {lines} lines", source.path))
        })
        .collect();
    assert!(long.is_empty(), "functions over {LONGEST_FUNCTION} lines:\n{}", long.join("\n"));
}

/// Lists functions with their lines. Formatted code closes a function at the indentation it starts at.
fn functions_of(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, *line, function_name(line)?)));
    starts
        .map(|(at, line, name)| {
            let indent = &line[..line.len() - line.trim_start().len()];
            let closing = format!("{indent}}}");
            let one_line = line.trim_end().ends_with(['}', ';']);
            let length =
                if one_line { 1 } else { lines[at..].iter().take_while(|line| ***line != closing).count() + 1 };
            (name, length)
        })
        .collect()
}

fn function_name(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(*word, "pub" | "async" | "const" | "unsafe" | "extern") || word.starts_with("pub(")
    });
    if words.next() != Some("fn") {
        return None;
    }
    let name = words.next()?;
    Some(name.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect())
}

#[test]
fn functions_are_measured() {
    let code = "impl X {\n    pub(crate) async fn long(\n        &self,\n    ) {\n        body();\n    }\n    fn short(&self);\n}\n";
    assert_eq!(functions_of(code), [("long".to_owned(), 5), ("short".to_owned(), 1)]);
}
