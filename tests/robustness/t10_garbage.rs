//! Bytes that are no protocol.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use troupe_tests::{A, Script, Server, compare, script};

use crate::memory::check_alive;

fn sending(name: &str, bytes: &str) -> Script {
    script(name).send(A, bytes).until_closed(A)
}

#[test]
fn garbage_gets_the_error_of_nats_server() {
    compare(
        "",
        [
            sending("a browser", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            sending("a mail client", "EHLO example.com\r\n"),
            sending("zero bytes", "\0\0\0\0\0\0\0\0"),
            sending("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0"),
            sending("letters that are no verb", "XYZZY\r\n"),
            sending("a verb cut short", "PUX foo 1\r\n"),
            sending("CONNECT with half an object", "CONNECT {\"verbose\":\r\n"),
            sending("CONNECT with an array", "CONNECT []\r\n"),
            sending("a payload that is too long for its size", "PUB foo 2\r\nabcdef\r\n"),
            sending("a line without an end", &format!("SUB {}", "a".repeat(5000))),
            sending("PING behind garbage is not answered", "QQQ\r\nPING\r\n"),
        ],
    );
}

#[test]
fn random_bytes_do_no_harm() {
    let server = Server::troupe("");
    let verbs = prop_oneof![
        Just("PUB "),
        Just("HPUB "),
        Just("SUB "),
        Just("UNSUB "),
        Just("CONNECT "),
        Just("PING\r\n"),
        Just("-ERR "),
        Just("INFO "),
        Just("+OK"),
        Just("\r\n"),
        Just("{}"),
        Just("foo "),
        Just("9 "),
        Just("0 "),
        Just("12 14"),
    ]
    .prop_map(|verb| verb.as_bytes().to_vec());
    let piece = prop_oneof![3 => verbs, 1 => proptest::collection::vec(any::<u8>(), 0..20)];
    let input = proptest::collection::vec(piece, 1..30).prop_map(|pieces| pieces.concat());
    let mut runner = TestRunner::new(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() });
    let sent = runner.run(&input, |bytes| {
        let mut client = server.connect();
        client.send(&bytes);
        client.close();
        Ok(())
    });
    sent.expect("bytes are only sent");
    check_alive(&server);
}
