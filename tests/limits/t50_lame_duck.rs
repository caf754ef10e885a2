//! Lame duck mode and shutdown, as clients see them.

use nix::sys::signal::Signal;
use troupe_tests::{A, B, C, compare, on_both, script};

/// The shortest duration the server takes. Few clients are still closed within a second each.
const QUICK: &str = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"100ms\"";
/// A grace period long enough to look around in.
const CALM: &str = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"5s\"";

#[test]
fn clients_are_told_and_closed() {
    compare(
        QUICK,
        [script("a new client, an old one and one that never said CONNECT")
            .modern(A)
            .quiet(B)
            .send(C, "")
            .signal(Signal::SIGUSR2)
            .until(A, "\"ldm\":true")
            .until_closed(A)
            .until_closed(B)
            .until_closed(C)],
    );
}

#[test]
fn messages_flow_while_lame() {
    compare(
        CALM,
        [script("publishing after the notice")
            .modern(A)
            .flush(A, "SUB foo 1\r\n")
            .modern(B)
            .signal(Signal::SIGUSR2)
            .until(A, "\"ldm\":true")
            .until(B, "\"ldm\":true")
            .flush(B, "PUB foo 2\r\nhi\r\n")
            .flush(A, "")],
    );
}

#[test]
fn the_process_ends_by_itself() {
    on_both(QUICK, |server| {
        let mut client = server.connect();
        client.flush("CONNECT {\"verbose\":false,\"protocol\":1}\r\n");
        server.signal(Signal::SIGUSR2);
        server.wait_log("Entering lame duck mode, stop accepting new clients");
        client.wait_closed();
        assert!(client.is_closed(), "{}", server.name());
        assert_eq!(server.wait_exit().code(), Some(0), "{}", server.name());
        server.wait_log("Closing existing clients");
    });
}

#[test]
fn without_clients_it_ends_at_once() {
    on_both("lame_duck_duration: \"1h\"", |server| {
        server.signal(Signal::SIGUSR2);
        assert_eq!(server.wait_exit().code(), Some(0), "{}", server.name());
    });
}

#[test]
fn a_lame_server_takes_no_new_clients() {
    on_both(CALM, |server| {
        let mut client = server.connect();
        client.flush("CONNECT {\"verbose\":false,\"protocol\":1}\r\n");
        server.signal(Signal::SIGUSR2);
        client.expect("\"ldm\":true");
        let refused = std::net::TcpStream::connect(server.address());
        assert!(refused.is_err(), "{} still accepts connections", server.name());
    });
}

#[test]
fn a_shutdown_closes_without_a_word() {
    compare("", [script("SIGTERM").modern(A).quiet(B).signal(Signal::SIGTERM).until_closed(A).until_closed(B)]);
    compare("", [script("SIGINT").quiet(A).signal(Signal::SIGINT).until_closed(A)]);
}
