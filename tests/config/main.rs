//! Configuration files: what nats-server's check (`-t`) says about them, and what Troupe says.
//!
//! The oracle is the program that `NATS_SERVER_REF` names. Without it only Troupe's side runs, where a case states it.

#![allow(clippy::print_stdout, reason = "a skipped comparison is announced")]

mod t10_auth;
mod t10_language;
mod t10_links;
mod t10_server;
mod t10_tls;
mod t30_differences;
mod t60_examples;

use std::path::Path;
use std::process::Command;

use troupe::config::{ConfigErrors, Loaded, load};

/// What a server says about a configuration.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Accepted; the digest.
    Valid(String),
    /// Lines of faults and warnings, sorted, without the directory of the file.
    Invalid(Vec<String>),
}

/// Compares both servers on every text.
#[track_caller]
fn compare(texts: &[&str]) {
    let Some(oracle) = oracle() else { return };
    let mut different = Vec::new();
    for text in texts {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("x.conf");
        std::fs::write(&file, text).expect("a file");
        let (theirs, ours) = (ask_oracle(&oracle, &file), ask_troupe(&file));
        if theirs != without_extra_places(&theirs, &ours) {
            different.push(format!("{text}\n  nats-server: {theirs:?}\n  troupe:      {ours:?}"));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), texts.len(), different.join("\n"));
}

/// A configuration that the two servers judge differently, on purpose.
struct Difference {
    text: &'static str,
    /// Part of a line nats-server prints; `None` when it accepts.
    theirs: Option<&'static str>,
    /// Part of a line Troupe prints; `None` when it accepts.
    ours: Option<&'static str>,
    /// Why Troupe differs.
    reason: &'static str,
}

/// Checks that both servers still say what the table claims.
#[track_caller]
fn check_differences(table: &[Difference]) {
    let oracle = oracle();
    for Difference { text, theirs, ours, reason } in table {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("x.conf");
        std::fs::write(&file, text).expect("a file");
        let found = ask_troupe(&file);
        assert!(says(&found, *ours), "{text}\n  ({reason})\n  troupe: {found:?}");
        if let Some(oracle) = &oracle {
            let found = ask_oracle(oracle, &file);
            assert!(says(&found, *theirs), "{text}\n  ({reason})\n  nats-server: {found:?}");
        }
    }
}

fn says(verdict: &Verdict, part: Option<&str>) -> bool {
    match (verdict, part) {
        (Verdict::Valid(_), None) => true,
        (Verdict::Invalid(lines), Some(part)) => lines.iter().any(|line| line.contains(part)),
        _ => false,
    }
}

fn oracle() -> Option<String> {
    let oracle = std::env::var("NATS_SERVER_REF").ok();
    if oracle.is_none() {
        println!("NATS_SERVER_REF is not set: not compared with nats-server");
    }
    oracle
}

fn ask_oracle(oracle: &str, file: &Path) -> Verdict {
    let output = Command::new(oracle).arg("-t").arg("-c").arg(file).output().expect("the oracle runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        let digest = text.split(['(', ')']).nth(1).unwrap_or_default();
        return Verdict::Valid(digest.to_owned());
    }
    invalid(text.strip_prefix("nats-server: ").unwrap_or(&text), file)
}

fn ask_troupe(file: &Path) -> Verdict {
    match checked(file) {
        Ok(loaded) => Verdict::Valid(loaded.options.config_digest.unwrap_or_default()),
        Err(text) => invalid(&text, file),
    }
}

/// What a check of the file has to do: load it, open the certificates, take warnings for faults.
fn checked(file: &Path) -> Result<Loaded, String> {
    let in_words = |errors: ConfigErrors| errors.to_string();
    let loaded = load(Some(file), &config_map()).map_err(in_words)?;
    loaded.check_tls_files().map_err(in_words)?;
    let warnings: Vec<_> = loaded.check_failures().map(ToString::to_string).collect();
    if warnings.is_empty() { Ok(loaded) } else { Err(warnings.join("\n")) }
}

fn config_map() -> config::Map<String, config::Value> {
    config::Map::new()
}

fn invalid(text: &str, file: &Path) -> Verdict {
    let directory = format!("{}/", file.parent().unwrap_or(file).display());
    let lines = text.lines().filter(|line| !line.is_empty()).map(|line| line.replace(&directory, ""));
    let mut lines: Vec<_> = lines.filter(|line| !line.contains("is not supported yet and has no effect")).collect();
    lines.sort();
    Verdict::Invalid(lines)
}

/// Troupe's verdict, without the places of lines for which nats-server gives none.
fn without_extra_places(theirs: &Verdict, ours: &Verdict) -> Verdict {
    match (theirs, ours) {
        (_, Verdict::Valid(digest)) => Verdict::Valid(digest.clone()),
        (Verdict::Invalid(theirs), Verdict::Invalid(ours)) => {
            let bare = |line: &String| match line.splitn(4, ':').nth(3) {
                Some(rest) if !theirs.contains(line) => rest.trim_start().to_owned(),
                _ => line.clone(),
            };
            let mut lines: Vec<_> = ours.iter().map(bare).collect();
            lines.sort();
            Verdict::Invalid(lines)
        }
        (Verdict::Valid(_), Verdict::Invalid(lines)) => Verdict::Invalid(lines.clone()),
    }
}
