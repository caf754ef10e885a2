//! Every example configuration passes the server's own check, and the server starts with it.

use std::fs;
use std::path::Path;
use std::process::Command;

use troupe_tests::certs::Certs;
use troupe_tests::config::Config;
use troupe_tests::process::{ServerProcess, troupe_binary};

use crate::source::{files_below, root};

/// Where the TLS example tells its reader to make certificates.
const CERTIFICATES: &str = "/tmp/troupe-tls/";

#[test]
fn every_example_loads() {
    let binary = troupe_binary();
    let directory = tempfile::tempdir().unwrap();
    let certificates = Certs::generate();
    let mut broken = Vec::new();
    for (name, text) in examples() {
        let file = directory.path().join(&name);
        fs::write(&file, with_certificates(&text, &certificates)).unwrap();
        let output = Command::new(&binary).arg("-c").arg(&file).arg("-t").output().unwrap();
        if !output.status.success() {
            broken.push(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(broken.is_empty(), "examples that do not load:\n{}", broken.join("\n"));
}

#[test]
fn the_server_starts_with_every_example() {
    let directory = tempfile::tempdir().unwrap();
    let certificates = Certs::generate();
    for (name, text) in examples() {
        let socket = directory.path().join("troupe.sock");
        let text = with_certificates(&text, &certificates).replace("/tmp/troupe.sock", &socket.display().to_string());
        let text = with_free_ports(&text);
        assert!(!text.contains(":4222"), "{name} listens where another server may be");
        let server = ServerProcess::start(&troupe_binary(), &Config::new(text).own_listener());
        assert!(server.log().iter().all(|line| !line.contains("not supported")), "{name}: {:?}", server.log());
    }
}

/// The example with listeners on free ports; addresses of other servers stay.
fn with_free_ports(text: &str) -> String {
    let ports = (4222..4225).chain(6222..6225).chain(8222..8225);
    ports.fold(text.to_owned(), |text, port| {
        let text = text.replace(&format!("\"0.0.0.0:{port}\""), "\"127.0.0.1:-1\"");
        text.replace(&format!("\"127.0.0.1:{port}\""), "\"127.0.0.1:-1\"")
    })
}

/// Names and texts of the examples.
fn examples() -> Vec<(String, String)> {
    let examples: Vec<String> = files_below("conf").into_iter().filter(|path| path.ends_with(".conf")).collect();
    assert!(!examples.is_empty(), "there is no conf/*.conf");
    let read = |path: String| {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        (path.trim_start_matches("conf/").to_owned(), text)
    };
    examples.into_iter().map(read).collect()
}

/// The example with certificates that exist.
fn with_certificates(text: &str, certificates: &Certs) -> String {
    let server = certificates.server();
    let files = [("server.pem", server.cert), ("server-key.pem", server.key), ("ca.pem", certificates.ca())];
    files.iter().fold(text.to_owned(), |text, (name, file)| replace_file(&text, name, file))
}

fn replace_file(text: &str, name: &str, file: &Path) -> String {
    text.replace(&format!("\"{CERTIFICATES}{name}\""), &format!("\"{}\"", file.display()))
}
