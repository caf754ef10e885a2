//! Clients that send a byte now and then, or never finish.

use std::time::Duration;

use troupe_tests::{Server, on_both};

use crate::memory::check_alive;

#[test]
fn a_session_byte_by_byte() {
    on_both("", |server| {
        let mut client = server.connect();
        for byte in b"CONNECT {\"verbose\":false}\r\nSUB slow 1\r\nPUB slow 5\r\nhello\r\n" {
            client.send([*byte]);
        }
        client.expect("MSG slow 1 5\r\nhello");
    });
}

#[test]
fn who_does_not_finish_connect_is_closed() {
    on_both("authorization { token: t, timeout: 0.3 }", |server| {
        let mut slow: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for byte in b"CONNECT {\"verb" {
            slow.iter_mut().for_each(|client| client.send([*byte]));
        }
        for client in &mut slow {
            client.expect("-ERR 'Authentication Timeout'");
            client.wait_closed();
            assert!(client.is_closed(), "{}", server.name());
        }
    });
}

#[test]
fn half_frames_wait_without_harm() {
    let server = Server::troupe("ping_interval: \"200ms\"\nping_max: 1");
    let mut halves: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut halves {
        client.set_patience(Duration::from_secs(20));
        client.flush("CONNECT {\"verbose\":false}\r\n");
        client.send("PUB foo 1000\r\nhalf of it");
    }
    for client in &mut halves {
        client.expect("-ERR 'Stale Connection'");
    }
    check_alive(&server);
}
