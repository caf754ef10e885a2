//! What a TLS listener says to those who do not speak TLS.

use troupe_tests::certs::Certs;
use troupe_tests::{A, compare, on_both, script};

#[test]
fn the_greeting_is_plain() {
    let certs = Certs::generate();
    compare(certs.tls_block(""), [script("tls_required").send(A, "").close(A)]);
    compare(certs.tls_block("verify: true"), [script("tls_verify").send(A, "").close(A)]);
    compare(
        format!("{}allow_non_tls: true\n", certs.tls_block("")),
        [script("tls_available and a plain session").modern(A).flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n")],
    );
}

#[test]
fn plain_bytes_on_a_tls_port() {
    let certs = Certs::generate();
    on_both(certs.tls_block("timeout: 1"), |server| {
        let mut client = server.connect();
        client.expect("INFO {");
        client.send("CONNECT {\"verbose\":false}\r\nPING\r\n");
        client.wait_closed();
        assert!(client.is_closed(), "{} kept a plain connection open: {}", server.name(), client.text());
        assert_eq!(client.count("PONG"), 0);
    });
}

#[test]
fn handshake_first_says_nothing() {
    let certs = Certs::generate();
    on_both(certs.tls_block("handshake_first: true\n  timeout: 1"), |server| {
        let mut client = server.connect();
        client.wait_closed();
        assert!(!client.text().contains("INFO"), "{} greeted before the handshake: {}", server.name(), client.text());
    });
    on_both(certs.tls_block("handshake_first: \"50ms\""), |server| {
        let mut client = server.connect();
        assert!(client.expect("INFO {").contains("\"tls_required\":true"), "{}", server.name());
    });
}

#[test]
fn a_full_server_says_so_before_the_handshake() {
    let certs = Certs::generate();
    for more in ["", "handshake_first: true", "handshake_first: \"50ms\"", "verify: true"] {
        compare(
            format!("max_connections: 0\n{}", certs.tls_block(more)),
            [script(format!("full, {more}")).until_closed(A)],
        );
    }
}

#[test]
fn refused_handshakes_are_counted() {
    let certs = Certs::generate();
    on_both(certs.tls_block("connection_rate_limit: 1\n  timeout: 1"), |server| {
        let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| _ = client.wait_closed());
        let throttled = "-ERR 'Connection throttling is active. Please try again later.'";
        let refused = clients.iter().filter(|client| client.count(throttled) == 1).count();
        assert_eq!(refused, 2, "{}", server.name());
        server.wait_log("Rejected 2 connections due to TLS rate limiting");
    });
}
