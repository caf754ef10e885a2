//! The log of a session at trace level, line by line that of nats-server.

use troupe_tests::{Config, Server};

/// Opens a connection, sends `bytes`, waits until they are handled, and leaves.
fn visit(server: &Server, bytes: &str) {
    let mut client = server.connect();
    client.send(bytes);
    client.wait(|frames| frames.iter().any(|frame| frame.is("PONG")));
    client.close();
}

/// What the log says about each connection: level and text, without time, address and connection id.
fn lines_by_connection(log: &[String]) -> Vec<Vec<String>> {
    let mut connections: Vec<(String, Vec<String>)> = Vec::new();
    for line in log {
        let Some((before, after)) = line.split_once(" - cid:") else { continue };
        let Some((cid, text)) = after.split_once(" - ") else { continue };
        let level = before.split_whitespace().rev().nth(1).unwrap_or_default();
        let at = connections.iter().position(|(known, _)| known == cid).unwrap_or_else(|| {
            connections.push((cid.to_owned(), Vec::new()));
            connections.len() - 1
        });
        connections[at].1.push(format!("{level} {text}"));
    }
    connections.into_iter().map(|(_, lines)| lines).collect()
}

/// Plays the sessions and yields what the log says about each.
fn logged(server: &Server, sessions: &[&str]) -> Vec<Vec<String>> {
    const CLOSED: &str = "Client connection closed";
    for (number, session) in sessions.iter().enumerate() {
        visit(server, session);
        server.wait_log_count(CLOSED, 2 * number + 1);
        // Lines behind the closing one are written before those of a later connection end.
        visit(server, "PING\r\n");
        server.wait_log_count(CLOSED, 2 * number + 2);
    }
    lines_by_connection(&server.log()).into_iter().step_by(2).collect()
}

fn compare_logs(config: &str, sessions: &[&str]) {
    let config = Config::new(config).arg("-DV");
    let Some(reference) = Server::reference(config.clone()) else { return };
    let wanted = logged(&reference, sessions);
    assert!(wanted.len() == sessions.len() && wanted.iter().all(|lines| lines.len() > 2), "{wanted:?}");
    let got = logged(&Server::troupe(config), sessions);
    for ((session, wanted), got) in sessions.iter().zip(wanted).zip(got) {
        assert_eq!(got, wanted, "left: troupe, right: nats-server, session: {session}");
    }
}

#[test]
fn a_session_in_order() {
    compare_logs(
        "",
        &[
            "CONNECT {\"verbose\":false,\"user\":\"u\",\"pass\":\"s\",\"lang\":\"go\",\"version\":\"1.2\",\"name\":\"nm\"}\r\nPING\r\n",
            "SUB foo 1\r\nPUB foo reply 2\r\na\"\r\nUNSUB 1\r\nPING\r\n",
            "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB foo 1\r\nHPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\n",
            "CONNECT {\"verbose\":false}\r\nSUB foo 1\r\nUNSUB 1 2\r\nPUB foo 1\r\na\r\nPUB foo 0\r\n\r\nPING\r\n",
            "CONNECT {\"verbose\":false,\"name\":\"n\"}\r\nSUB foo q 1\r\nCONNECT {\"echo\":false,\"name\":\"m\"}\r\nPING\r\n",
            "pub foo.* 1\r\nx\r\nPONG\r\nSUB a..b 1\r\nPING\r\n",
            "PUB _GR_.x 1\r\nx\r\nPUB a $JS.ACK.x 1\r\nx\r\nSUB foo _sys_ 1\r\nPING\r\n",
        ],
    );
}

#[test]
fn what_ends_a_session() {
    compare_logs(
        "max_payload: 100",
        &[
            "PUB foo 99999999999\r\n",
            "PUB foo\r\n",
            "SUB foo\r\n",
            "UNSUB a b c\r\n",
            "HPUB foo 1\r\n",
            "CONNECT {\"headers\":true,\"verbose\":false}\r\nHPUB foo x 10\r\n",
            "BLAH hello world\r\n",
            "PING\r\nXYZ\r\n",
            "SUB\r\n",
            "PUB foo 2\r\nabcdef\r\n",
            "PUB foo 101\r\n",
            "CONNECT {\"protocol\":5}\r\n",
            "CONNECT {\"no_responders\":true,\"headers\":false}\r\n",
            "CONNECT {\"account\":\"x\"}\r\n",
            "-ERR 'x y'\r\n",
            &format!("SUB {} 1\r\n", "a".repeat(5000)),
        ],
    );
}

#[test]
fn refusals() {
    let users = "authorization { users: [ {user: u, password: p, permissions: {publish: a, subscribe: a}} ] }";
    compare_logs(
        users,
        &[
            "CONNECT {\"user\":\"x\",\"pass\":\"y\"}\r\n",
            "CONNECT {\"auth_token\":\"x\"}\r\n",
            "PING\r\n",
            "CONNECT {\"user\":\"u\",\"pass\":\"p\",\"verbose\":false}\r\nPUB b 1\r\nx\r\nSUB b q 1\r\nPING\r\n",
        ],
    );
    compare_logs("max_subscriptions: 1", &["CONNECT {\"verbose\":false}\r\nSUB a 1\r\nSUB b 2\r\nUNSUB 1\r\nPING\r\n"]);
    compare_logs("max_sub_tokens: 2", &["SUB a.b.c 1\r\nPING\r\n"]);
}

#[test]
fn how_much_of_a_payload_is_shown() {
    let session = "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB foo 1\r\nHPUB foo 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPUB foo 6\r\nabcdef\r\nUNSUB 1\r\nPING\r\n";
    compare_logs("max_traced_msg_len: 3", &[session]);
    compare_logs("trace_headers: true", &[session]);
    compare_logs("trace_headers: true\nmax_traced_msg_len: 5", &[session]);
}
