//! Every example configuration passes the server's own check.

use std::process::Command;

use troupe_tests::process::troupe_binary;

use crate::source::{files_below, root};

#[test]
fn every_example_loads() {
    let examples: Vec<String> = files_below("conf").into_iter().filter(|path| path.ends_with(".conf")).collect();
    assert!(!examples.is_empty(), "there is no conf/*.conf");
    let binary = troupe_binary();
    let mut broken = Vec::new();
    for example in examples {
        let output = Command::new(&binary).args(["-c", &example, "-t"]).current_dir(root()).output().unwrap();
        if !output.status.success() {
            broken.push(format!("{example}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(broken.is_empty(), "examples that do not load:\n{}", broken.join("\n"));
}
