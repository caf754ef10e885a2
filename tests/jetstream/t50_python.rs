//! What applications do with JetStream through the Python client.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ask::start;

const PYTHON_VARIABLE: &str = "TROUPE_TEST_PYTHON";

fn python() -> Option<PathBuf> {
    let found = std::env::var_os(PYTHON_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no Python with nats-py: set {PYTHON_VARIABLE}");
        eprintln!("SKIPPED: no Python with nats-py; set {PYTHON_VARIABLE} to one");
    }
    found
}

fn run(story: &str) {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("jetstream/nats_py.py");
    let output = Command::new(python).arg(script).arg(story).arg(server.url()).output().expect("Python runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "nats-py, {story}:\n{told}\n{:?}", server.log());
}

#[test]
fn streams() {
    run("streams");
}

#[test]
fn key_value() {
    run("key_value");
}
