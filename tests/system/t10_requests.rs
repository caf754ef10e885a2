//! Requests.

use troupe_tests::Server;

use super::shape::{CONFIG, ask, enter, shape};

/// Asks both servers the same and compares the shapes of what they answer.
#[track_caller]
fn compare(user: &str, requests: &[(&str, &str)]) {
    let Some(reference) = Server::reference(CONFIG) else { return };
    let troupe = Server::troupe(CONFIG);
    let answers = |server: &Server| -> Vec<String> {
        let id = enter(server, "sys").info_field("server_id");
        let mut other = enter(server, "a");
        other.flush("SUB foo 1\r\n");
        let mut client = enter(server, user);
        let numbered = requests.iter().zip(1..);
        numbered
            .map(|((subject, body), number)| shape(&ask(&mut client, number, &subject.replace("<id>", &id), body)))
            .collect()
    };
    let (wanted, got) = (answers(&reference), answers(&troupe));
    let mut different = Vec::new();
    for ((request, wanted), got) in requests.iter().zip(wanted).zip(got) {
        if wanted != got {
            different.push(format!("{request:?}\n  wanted {wanted}\n  got    {got}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn who_asks() {
    compare("a", &[("$SYS.REQ.USER.INFO", "")]);
    compare("sys", &[("$SYS.REQ.USER.INFO", "")]);
}

#[test]
fn the_server() {
    compare(
        "sys",
        &[
            ("$SYS.REQ.SERVER.PING", ""),
            ("$SYS.REQ.SERVER.PING.IDZ", ""),
            ("$SYS.REQ.SERVER.PING.STATSZ", ""),
            ("$SYS.REQ.SERVER.PING.HEALTHZ", ""),
            ("$SYS.REQ.SERVER.PING.ACCOUNTZ", ""),
            ("$SYS.REQ.SERVER.PING.ROUTEZ", ""),
            ("$SYS.REQ.SERVER.PING.LEAFZ", ""),
            ("$SYS.REQ.SERVER.PING.GATEWAYZ", ""),
            ("$SYS.REQ.SERVER.PING.RAFTZ", ""),
            ("$SYS.REQ.SERVER.PING.PROFILEZ", ""),
            ("$SYS.REQ.SERVER.PING.PROFILEZ", r#"{"name": "nonsense"}"#),
            ("$SYS.REQ.SERVER.PING.PROFILEZ", r#"{"name": "cpu"}"#),
            ("$SYS.REQ.SERVER.<id>.IDZ", ""),
            ("$SYS.REQ.SERVER.<id>.STATSZ", "{}"),
            ("$SYS.REQ.SERVER.<id>.CONNZ", r#"{"limit": 1, "sort": "cid"}"#),
            ("$SYS.REQ.SERVER.<id>.CONNZ", r#"{"sort": "nonsense"}"#),
            ("$SYS.REQ.SERVER.<id>.KICK", r#"{"cid": 9999}"#),
            ("$SYS.REQ.SERVER.<id>.LDM", r#"{"cid": 9999}"#),
            ("$SYS.REQ.SERVER.<id>.RELOAD", ""),
            ("$SYS.DEBUG.SUBSCRIBERS", "nobody.here"),
        ],
    );
}

#[test]
fn bodies_are_read_alike() {
    compare(
        "sys",
        &[
            ("$SYS.REQ.SERVER.<id>.ACCOUNTZ", "null"),
            ("$SYS.REQ.SERVER.<id>.ACCOUNTZ", "[]"),
            ("$SYS.REQ.SERVER.<id>.ACCOUNTZ", "junk"),
            ("$SYS.REQ.SERVER.<id>.ACCOUNTZ", "{"),
            ("$SYS.REQ.SERVER.<id>.CONNZ", r#"{"LIMIT": 1, "offset": null}"#),
            ("$SYS.REQ.SERVER.<id>.CONNZ", r#"{"Sort": "nonsense"}"#),
            ("$SYS.REQ.SERVER.<id>.STATSZ", "junk"),
            ("$SYS.REQ.SERVER.<id>.RELOAD", "junk"),
            ("$SYS.REQ.SERVER.<id>.KICK", "{}"),
            ("$SYS.REQ.SERVER.<id>.LDM", "{}"),
        ],
    );
}

#[test]
fn what_is_for_another_server_is_not_done() {
    troupe_tests::on_both(CONFIG, |server| {
        let mut victim = enter(server, "a");
        let cid = victim.info_field("client_id");
        let mut client = enter(server, "sys");
        let id = client.info_field("server_id");
        let for_another = format!("{{\"cid\": {cid}, \"server_name\": \"another\"}}");
        let requests = ["KICK", "LDM", "RELOAD"].map(|request| (request, &*for_another));
        for (request, body) in requests.into_iter().chain([("JSZ", "{\"leader_only\": true}")]) {
            client.flush(format!(
                "SUB silent s\r\nPUB $SYS.REQ.SERVER.{id}.{request} silent {}\r\n{body}\r\n",
                body.len()
            ));
        }
        // Requests are served in order: this one comes after them.
        assert!(!ask(&mut client, 1, &format!("$SYS.REQ.SERVER.{id}.IDZ"), "").is_empty());
        victim.flush("");
        assert!(!client.text().contains("MSG silent"), "{}: {}", server.name(), client.text());
        assert!(!server.log().iter().any(|line| line.contains("Reloaded")), "{}", server.name());
    });
}

#[test]
fn accounts() {
    compare(
        "sys",
        &[
            ("$SYS.REQ.ACCOUNT.A.CONNZ", ""),
            ("$SYS.REQ.ACCOUNT.A.STATZ", ""),
            ("$SYS.REQ.ACCOUNT.A.CONNS", ""),
            ("$SYS.REQ.ACCOUNT.A.LEAFZ", ""),
            ("$SYS.REQ.ACCOUNT.A.INFO", ""),
            ("$SYS.REQ.ACCOUNT.A.JSZ", ""),
            ("$SYS.REQ.ACCOUNT.NOBODY.INFO", ""),
            ("$SYS.REQ.ACCOUNT.PING.STATZ", ""),
        ],
    );
    compare(
        "b",
        &[("$SYS.REQ.ACCOUNT.PING.CONNZ", ""), ("$SYS.REQ.SERVER.PING.CONNZ", ""), ("$SYS.REQ.ACCOUNT.PING.STATZ", "")],
    );
}

#[test]
fn answers_are_packed_as_wished() {
    troupe_tests::on_both(CONFIG, |server| {
        let mut client = enter(server, "sys");
        for (number, (wanted, told)) in [("gzip", "gzip"), ("snappy", "snappy"), ("br", "identity")].iter().enumerate()
        {
            let block = format!("NATS/1.0\r\nAccept-Encoding: {wanted}\r\n\r\n");
            client.send(format!(
                "SUB packed.{number} p{number}\r\nHPUB $SYS.REQ.SERVER.PING.VARZ packed.{number} {0} {0}\r\n{block}\r\n",
                block.len()
            ));
            let frame = client.expect(&format!("HMSG packed.{number} p{number} "));
            let text = String::from_utf8_lossy(&frame.0).replace("Content-Encoding:", "Content-Encoding: ");
            assert!(text.replace(":  ", ": ").contains(&format!("Content-Encoding: {told}\r\n")), "{text}");
            let start: &[u8] = if *told == "gzip" {
                b"\x1f\x8b"
            } else if *told == "snappy" {
                b"\xff\x06\x00\x00sNaPpY"
            } else {
                b"{"
            };
            let body = frame.0.windows(4).position(|end| end == b"\r\n\r\n").map(|at| &frame.0[at + 4..]);
            assert!(body.is_some_and(|body| body.starts_with(start)), "{told}: {text}");
        }
    });
}

#[test]
fn a_tenant_sees_nothing_of_another() {
    let troupe = Server::troupe(CONFIG);
    let mut other = enter(&troupe, "a");
    other.flush("SUB secret.subject 1\r\n");
    let mut client = enter(&troupe, "b");
    let subjects = [
        "$SYS.REQ.ACCOUNT.PING.CONNZ",
        "$SYS.REQ.SERVER.PING.CONNZ",
        "$SYS.REQ.ACCOUNT.PING.STATZ",
        "$SYS.REQ.USER.INFO",
    ];
    for (subject, number) in subjects.iter().zip(1..) {
        for body in ["", r#"{"acc":"A","auth":true,"subscriptions":true}"#, r#"{"account":"A","accounts":["A"]}"#] {
            let number = number * 10 + body.len();
            let answer = String::from_utf8(ask(&mut client, number, subject, body)).expect("text");
            assert!(!answer.contains("secret") && !answer.contains("\"n-a\"") && !answer.contains("\"A\""), "{answer}");
        }
    }
    for subject in
        ["$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.ACCOUNT.A.CONNZ", "$SYS.REQ.USER.A.INFO", "$SYS.DEBUG.SUBSCRIBERS"]
    {
        let number = 500 + subject.len();
        let answer = String::from_utf8(ask(&mut client, number, subject, "")).expect("text");
        assert!(answer.contains("NATS/1.0 503"), "{subject}: {answer}");
    }
}

#[test]
fn kicking_a_client() {
    troupe_tests::on_both(CONFIG, |server| {
        let mut victim = enter(server, "a");
        let cid = victim.info_field("client_id");
        let mut client = enter(server, "sys");
        let id = client.info_field("server_id");
        let body = format!("{{\"cid\": {cid}}}");
        client.send(format!("PUB $SYS.REQ.SERVER.{id}.KICK inbox {}\r\n{body}\r\n", body.len()));
        victim.wait_closed();
        assert!(victim.is_closed());
    });
}
