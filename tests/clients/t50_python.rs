//! The Python client, run as a script of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nkeys::KeyPair;
use troupe_tests::Server;
use troupe_tests::certs::Certs;

/// The environment variable that names a Python with nats-py (and the `nkeys` package) installed.
const PYTHON_VARIABLE: &str = "TROUPE_TEST_PYTHON";

/// Returns the interpreter: the variable, else the active virtual environment's, if it has nats-py.
fn python() -> Option<PathBuf> {
    let from_variable = std::env::var_os(PYTHON_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let from_environment = || std::env::var_os("VIRTUAL_ENV").map(|dir| Path::new(&dir).join("bin/python"));
    let found = from_variable.or_else(from_environment).filter(|python| has_client(python));
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Python with nats-py: CI must install nats-py and nkeys and set {PYTHON_VARIABLE}"
        );
        eprintln!("SKIPPED: no Python with nats-py; set {PYTHON_VARIABLE} to one");
    }
    found
}

fn has_client(python: &Path) -> bool {
    Command::new(python).args(["-c", "import nats, nkeys"]).output().is_ok_and(|output| output.status.success())
}

fn run(server: &Server, story: &str, extra: &[&str]) {
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/nats_py.py");
    let output = Command::new(python).arg(script).arg(story).arg(server.url()).args(extra).output().unwrap();
    assert!(output.status.success(), "nats-py, {story}:\n{}", text(&output));
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn messages() {
    run(&Server::troupe(""), "messages", &[]);
}

#[test]
fn requests() {
    run(&Server::troupe(""), "requests", &[]);
}

#[test]
fn drain() {
    run(&Server::troupe(""), "drain", &[]);
}

#[test]
fn password() {
    run(&Server::troupe("authorization { user: u, password: p }"), "password", &["u", "p"]);
}

#[test]
fn nkey() {
    let pair = KeyPair::new_user();
    let server = Server::troupe(format!("authorization {{ users: [ {{nkey: {}}} ] }}", pair.public_key()));
    run(&server, "nkey", &[&pair.seed().unwrap()]);
}

#[test]
fn tls() {
    let certs = Certs::generate();
    let server = Server::troupe(certs.tls_block(""));
    run(&server, "tls", &[certs.ca().to_str().unwrap()]);
}
