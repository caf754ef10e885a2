//! Tokens made with the Python package: which of them let somebody in, and what the log says of the others.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use troupe_tests::{Config, Server, on_both};

use super::tokens::World;

/// The environment variable that names a Python with the `nkeys` package.
const PYTHON_VARIABLE: &str = "TROUPE_TEST_PYTHON";

/// What becomes of each token, line by line.
fn outcomes(server: &Server, seed: &str) -> Option<Vec<String>> {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE).filter(|python| !python.is_empty()) else {
        assert!(std::env::var_os("CI").is_none(), "CI must set {PYTHON_VARIABLE}");
        eprintln!("SKIPPED: {PYTHON_VARIABLE} is not set");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("operator/tokens.py");
    let address = server.address();
    let mut command = Command::new(python);
    command.arg(script).args([address.ip().to_string(), address.port().to_string(), seed.to_owned()]);
    let output = command.output().expect("Python runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn bad_tokens_are_refused_and_leave_a_line_in_the_log() {
    let world = World::new();
    let seed = world.one.seed().expect("a seed");
    // Room for what is too deep; what is too long is refused as a line.
    let config = format!("max_control_line: 512KB\n{}", world.config(json!({}), json!({})));
    let all = std::cell::RefCell::new(Vec::new());
    on_both(Config::new(config), |server| {
        let Some(outcomes) = outcomes(server, &seed) else { return };
        let refused = outcomes.iter().filter(|line| line.ends_with("'Authorization Violation'")).count();
        assert_eq!(refused, outcomes.len() - 3, "all but two good ones and an oversized one: {outcomes:#?}");
        server.wait_log_count("authentication error", refused);
        server.wait_log("maximum control line exceeded");
        all.borrow_mut().push(outcomes);
    });
    let all = all.into_inner();
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:#?}");
}
