//! PINGs of the server, and connections that do not answer them.

use std::time::{Duration, Instant};

use troupe_tests::{A, compare, on_both, script};

#[test]
fn a_silent_connection_goes_stale() {
    compare(
        "ping_interval: \"400ms\"\nping_max: 2",
        [
            script("two PINGs, then the error").keep_pings().quiet(A).until_closed(A),
            script("without CONNECT").keep_pings().until_closed(A),
        ],
    );
    compare("ping_interval: \"400ms\"\nping_max: 1", [script("one PING").keep_pings().quiet(A).until_closed(A)]);
}

#[test]
fn answered_pings_keep_it_open() {
    on_both("ping_interval: \"150ms\"\nping_max: 2", |server| {
        let mut client = server.connect();
        client.flush("CONNECT {\"verbose\":false}\r\n");
        for answered in 0..6 {
            client.wait(|frames| frames.iter().filter(|frame| frame.is("PING")).count() > answered);
            client.send("PONG\r\n");
        }
        client.flush("");
        assert!(!client.is_closed(), "{}: {}", server.name(), client.text());
    });
}

#[test]
fn the_first_ping_comes_early() {
    on_both("ping_interval: \"1h\"", |server| {
        let mut client = server.connect();
        let start = Instant::now();
        client.flush("CONNECT {\"verbose\":false}\r\n");
        client.expect("PING\r\n");
        let waited = start.elapsed();
        let expected = Duration::from_millis(1_900)..Duration::from_millis(4_000);
        assert!(expected.contains(&waited), "{}: the first PING after {waited:?}", server.name());
    });
}
