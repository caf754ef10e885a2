//! Flags with which test suites of clients start servers: services that are not served must not keep it from starting.

use troupe_tests::{Config, on_both};

/// Flags; each must leave a server that serves clients.
const ACCEPTED: &[&[&str]] = &[
    &["--cluster", "nats://127.0.0.1:-1"],
    &["--cluster_listen", "nats-route://127.0.0.1:-1", "--cluster_name", "c"],
    &["--cluster", "nats://user:secret@127.0.0.1:-1", "--routes", "nats-route://127.0.0.1:1"],
    &["--cluster", ""],
];

#[test]
fn servers_start_with_the_url_of_a_cluster_listener() {
    for arguments in ACCEPTED {
        let config = arguments.iter().fold(Config::new(""), |config, argument| config.arg(*argument));
        on_both(config, |server| server.connect().flush("SUB foo 1\r\nPUB foo 2\r\nok\r\n"));
    }
}
