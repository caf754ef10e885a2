//! Sizes nobody has room for.

use troupe_tests::{A, Script, Server, compare, script};

use crate::memory::{check_alive, resident};

const MEGABYTE: usize = 1024 * 1024;

fn sending(line: &str) -> Script {
    script(line).quiet(A).flush(A, format!("{line}\r\n")).until_closed(A)
}

#[test]
fn announced_sizes_beyond_the_limit() {
    compare(
        "",
        [
            sending("PUB foo 5368709120"),
            sending("PUB foo 99999999999999999999"),
            sending("PUB foo 1048577"),
            sending("PUB foo 999999999"),
            sending("PUB foo -1"),
            sending("HPUB foo 5368709120 5368709130"),
        ],
    );
}

#[test]
fn an_announced_size_allocates_nothing() {
    let server = Server::troupe("max_payload: 64MB");
    check_alive(&server);
    let before = resident(&server);
    let mut waiting: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.flush("CONNECT {\"verbose\":false}\r\n");
        client.send("PUB foo 60000000\r\nonly the beginning");
    }
    check_alive(&server);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 32 * MEGABYTE, "50 announcements of 60 MB took {grown} bytes");
}

#[test]
fn a_client_that_must_log_in_first_cannot_fill_memory() {
    let server = Server::troupe("max_payload: 64MB\nauthorization { token: t }");
    let before = resident(&server);
    for _ in 0..8 {
        let mut client = server.connect();
        client.send(format!("PUB foo 60000000\r\n{}", "x".repeat(4 * MEGABYTE)));
        client.expect("-ERR 'Authorization Violation'");
    }
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 16 * MEGABYTE, "refused clients took {grown} bytes");
}
