//! What reports and events say of users with tokens.

use nkeys::KeyPair;
use serde_json::{Value, json};
use troupe_tests::{RawClient, Server};

use super::tokens::{World, now};

fn enter(server: &Server, token: &str, user: &KeyPair) -> RawClient {
    let mut client = server.connect();
    let signature = client.signature(user);
    client.flush(format!(
        "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"name\":\"n\",\"lang\":\"raw\",\"version\":\"1\",\"jwt\":\"{token}\",\"sig\":\"{signature}\"}}\r\n"
    ));
    client
}

fn answer(client: &mut RawClient, number: usize, subject: &str, body: &str) -> Value {
    let start = format!("MSG inbox.{number} {number} ");
    client.flush(format!("SUB inbox.{number} {number}\r\nPUB {subject} inbox.{number} {}\r\n{body}\r\n", body.len()));
    message(client, &start)
}

fn message(client: &mut RawClient, start: &str) -> Value {
    client.wait(|frames| frames.iter().any(|frame| frame.0.starts_with(start.as_bytes())));
    let found = client.frames().iter().find(|frame| frame.0.starts_with(start.as_bytes()));
    found.unwrap_or_else(|| panic!("no {start}: {}", client.text())).json()
}

/// Without what differs from run to run.
fn masked(mut value: Value) -> Value {
    fn mask(value: &mut Value) {
        const FLEETING: [&str; 26] = [
            "id",
            "time",
            "seq",
            "timestamp",
            "start",
            "stop",
            "rtt",
            "server_id",
            "now",
            "cid",
            "port",
            "last_activity",
            "uptime",
            "idle",
            "host",
            "ip",
            "update_time",
            "subscriptions",
            "sublist_stats",
            "flags",
            "client_id",
            "pending_bytes",
            "in_bytes",
            "out_bytes",
            "decoded_jwt",
            "validation_result_jwt",
        ];
        match value {
            Value::Object(map) => {
                map.retain(|key, _| !FLEETING.contains(&key.as_str()));
                map.values_mut().for_each(mask);
            }
            Value::Array(items) => {
                items.iter_mut().for_each(mask);
                items.sort_by_key(ToString::to_string);
            }
            _ => {}
        }
    }
    mask(&mut value);
    value
}

#[test]
fn tokens_are_shown_as_nats_server_shows_them() {
    let world = World::new();
    let (user, system, leaving) = (KeyPair::new_user(), KeyPair::new_user(), KeyPair::new_user());
    let until = json!({"exp": now() + 5000});
    let token = world.user(&world.one, &user, json!({"tags": ["a:b", "c"], "pub": {"deny": ["never"]}}), until);
    let signers = json!({"signing_keys": [world.signer.public_key()], "tags": ["t1"]});
    let owner = json!({"issuer_account": world.one.public_key()});
    let signed = world.user(&world.signer, &leaving, owner, json!({}));
    let watcher = world.user(&world.system, &system, json!({}), json!({}));
    let one = world.one.public_key();
    let run = |server: &Server| {
        let mut watching = enter(server, &watcher, &system);
        watching.flush(format!("SUB $SYS.ACCOUNT.{one}.CONNECT c\r\nSUB $SYS.ACCOUNT.{one}.DISCONNECT d\r\n"));
        let mut told = Vec::new();
        let mut client = enter(server, &token, &user);
        told.push(masked(message(&mut watching, &format!("MSG $SYS.ACCOUNT.{one}.CONNECT c "))));
        enter(server, &signed, &leaving).close();
        told.push(masked(message(&mut watching, &format!("MSG $SYS.ACCOUNT.{one}.DISCONNECT d "))));
        let info = answer(&mut client, 1, "$SYS.REQ.USER.INFO", "");
        let left = info["data"]["expires"].as_u64().unwrap_or_default() / 1_000_000_000;
        assert!((4900..=5000).contains(&left), "{info}");
        let mut info = masked(info);
        info["data"]["expires"] = Value::Null;
        told.push(info);
        let asked = format!("{{\"auth\": true, \"acc\": \"{one}\"}}");
        told.push(masked(answer(&mut watching, 2, "$SYS.REQ.SERVER.PING.CONNZ", &asked)));
        let asked = format!("{{\"auth\": true, \"state\": 1, \"acc\": \"{one}\"}}");
        told.push(masked(answer(&mut watching, 3, "$SYS.REQ.SERVER.PING.CONNZ", &asked)));
        told.push(masked(answer(&mut watching, 4, &format!("$SYS.REQ.ACCOUNT.{one}.INFO"), "")));
        told
    };
    let config = format!("server_name: S\n{}", world.config(signers, json!({})));
    let Some(reference) = Server::reference(config.as_str()) else { return };
    let troupe = Server::troupe(config.as_str());
    for (wanted, got) in run(&reference).into_iter().zip(run(&troupe)) {
        assert_eq!(wanted, got);
    }
}

#[test]
fn users_have_times_of_their_zone() {
    let world = World::new();
    let user = KeyPair::new_user();
    let Some(reference) = Server::reference(world.config(json!({}), json!({})).as_str()) else { return };
    let troupe = Server::troupe(world.config(json!({}), json!({})).as_str());
    let hour = |shift: i64| {
        let seconds = (now() + shift * 3600).rem_euclid(86400);
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    };
    // Tokyo is nine hours ahead the whole year.
    for (place, shift) in [("Asia/Tokyo", 9), ("Asia/Tokyo", 0), ("Etc/UTC", 0), ("Nowhere/Land", 0)] {
        let (start, end) = (hour(shift - 1), hour(shift + 1));
        if start > end {
            continue;
        }
        let times = json!({"times": [{"start": start, "end": end}], "times_location": place});
        let token = world.user(&world.one, &user, times, json!({}));
        let entered = [&reference, &troupe].map(|server| {
            let mut client = server.connect();
            let signature = client.signature(&user);
            client
                .send(format!("CONNECT {{\"verbose\":false,\"jwt\":\"{token}\",\"sig\":\"{signature}\"}}\r\nPING\r\n"));
            client
                .wait(|frames| frames.iter().any(|frame| frame.0.starts_with(b"PONG") || frame.0.starts_with(b"-ERR")));
            client.frames().iter().any(|frame| frame.0.starts_with(b"PONG"))
        });
        assert_eq!(entered[0], entered[1], "{place} {start} to {end}");
    }
}
