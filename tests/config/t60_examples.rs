//! The example files load, in Troupe and, where they can, in nats-server.

use std::path::PathBuf;

use super::{Verdict, ask_oracle, config_map, oracle};

/// Examples that use what only Troupe has, or files that a command in the example makes.
const OURS_ONLY: &[&str] = &["unix.conf", "tls.conf"];

fn examples() -> Vec<PathBuf> {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../conf"));
    let entries = std::fs::read_dir(directory).expect("the examples");
    let mut files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    files
}

#[test]
fn every_example_loads_without_warnings() {
    let files = examples();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        match troupe::config::load(Some(&file), &config_map()) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{}: {:?}", file.display(), loaded.warnings),
            Err(errors) => panic!("{errors}"),
        }
    }
}

#[test]
fn nats_server_takes_the_examples_with_the_same_digest() {
    let Some(oracle) = oracle() else { return };
    for file in examples() {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if OURS_ONLY.contains(&name.as_str()) {
            continue;
        }
        let loaded = troupe::config::load(Some(&file), &config_map()).expect("it loads");
        let digest = loaded.options.config_digest.unwrap_or_default();
        assert_eq!(ask_oracle(&oracle, &file), Verdict::Valid(digest), "{name}");
    }
}
