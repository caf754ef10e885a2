//! JetStream in what the system account is told.

use serde_json::Value;
use troupe_tests::{RawClient, Server};

use super::shape::{ask, enter, payload, shape};

/// `A` has JetStream, `B` has none, `C` asks that of `A`.
const CONFIG: &str = r#"
server_name: S
jetstream { store_dir: store, domain: D }
accounts {
  SYS { users: [ {user: sys, password: p} ] }
  A { jetstream: enabled, users: [ {user: a, password: p} ], exports: [ {service: "$JS.API.>"} ] }
  B { users: [ {user: b, password: p} ], mappings: { "x.*": "y.{{wildcard(1)}}" } }
  C { users: [ {user: c, password: p} ], imports: [ {service: {account: A, subject: "$JS.API.>"}} ] }
}
system_account: SYS
"#;

/// Asks both servers the same and returns the documents.
fn both<T>(story: impl Fn(&Server) -> T) -> Option<[T; 2]> {
    let reference = Server::reference(CONFIG)?;
    let troupe = Server::troupe(CONFIG);
    Some([story(&reference), story(&troupe)])
}

fn json(client: &mut RawClient, number: usize, subject: &str, body: &str) -> Value {
    serde_json::from_slice(&ask(client, number, subject, body)).expect("JSON")
}

/// A list without an order, in one.
fn sorted(list: &Value) -> Vec<String> {
    let mut items: Vec<String> = list.as_array().into_iter().flatten().map(Value::to_string).collect();
    items.sort();
    items
}

#[test]
fn numbers_of_the_server() {
    let Some([wanted, got]) = both(|server| {
        let mut client = enter(server, "sys");
        client.flush("SUB $SYS.SERVER.*.STATSZ event\r\n");
        let mut other = enter(server, "a");
        let body = r#"{"name":"S","storage":"memory","max_bytes":1000}"#;
        assert!(json(&mut other, 1, "$JS.API.STREAM.CREATE.S", body)["error"].is_null());
        other.close();
        let told = json(&mut client, 1, "$SYS.REQ.SERVER.PING", "");
        let event: Value = serde_json::from_slice(&payload(&mut client, "event")).expect("JSON");
        let jetstream = &told["statsz"]["jetstream"];
        let facts = [
            shape(told.to_string().as_bytes()),
            shape(event.to_string().as_bytes()),
            shape(&ask(&mut client, 2, "$SYS.REQ.SERVER.PING.JSZ", "")),
            told["server"]["flags"].to_string(),
            told["server"]["domain"].to_string(),
            told["statsz"]["active_accounts"].to_string(),
            jetstream["config"]["max_memory"].to_string(),
            jetstream["stats"]["reserved_memory"].to_string(),
        ];
        let storage = jetstream["config"]["max_storage"].as_f64().expect("a number");
        let log = server.log();
        // A request may be at work when an event is made.
        (facts.map(|fact| fact.replace("sync_always: true, ", "").replace("inflight: number, ", "")), storage, log)
    }) else {
        return;
    };
    assert_eq!(wanted.0, got.0);
    // The disk is used by others meanwhile.
    assert!(got.1 > wanted.1 / 2.0 && got.1 < wanted.1 * 2.0, "{} {}", wanted.1, got.1);
    let line = |log: &[String]| {
        let line = log.iter().find_map(|line| line.split_once("Max Memory:")).expect("a line");
        line.1.trim().to_owned()
    };
    assert_eq!(line(&wanted.2), line(&got.2));
}

/// What the machine has room for is the limit where the configuration names none.
#[test]
fn limits_of_the_machine_hold() {
    let Some([wanted, got]) = both(|server| {
        let mut client = enter(server, "a");
        ["memory", "file"].map(|storage| {
            let body = format!(r#"{{"name":"S","storage":"{storage}","max_bytes":1000000000000000}}"#);
            json(&mut client, storage.len(), "$JS.API.STREAM.CREATE.S", &body)["error"].to_string()
        })
    }) else {
        return;
    };
    assert!(wanted.iter().all(|error| error.contains("insufficient")), "{wanted:?}");
    assert_eq!(wanted, got);
}

#[test]
fn accounts() {
    let Some([wanted, got]) = both(|server| {
        let mut client = enter(server, "sys");
        let mut told = Vec::new();
        for (number, name) in ["A", "B", "C", "SYS", "$G"].iter().enumerate() {
            let data = json(&mut client, number, &format!("$SYS.REQ.ACCOUNT.{name}.INFO"), "")["data"].clone();
            told.push(format!("{name} {}", data["mappings"]));
            told.extend(sorted(&data["imports"]));
            told.extend(sorted(&data["exports"]));
            told.push(data["jetstream_enabled"].to_string());
        }
        told
    }) else {
        return;
    };
    assert_eq!(wanted, got);
}

#[test]
fn one_account() {
    let requests = [
        ("A.JSZ", ""),
        ("A.JSZ", r#"{"streams":true,"config":true}"#),
        ("B.JSZ", ""),
        ("NOBODY.JSZ", ""),
        ("A.STATZ", r#"{"include_unused":true}"#),
    ];
    let Some([wanted, got]) = both(|server| {
        let mut owner = enter(server, "a");
        assert!(json(&mut owner, 1, "$JS.API.STREAM.CREATE.S", r#"{"name":"S"}"#)["error"].is_null());
        owner.close();
        let mut client = enter(server, "sys");
        let numbered = requests.iter().enumerate();
        numbered
            .map(|(number, (request, body))| {
                let told = json(&mut client, number, &format!("$SYS.REQ.ACCOUNT.{request}"), body);
                format!("{request} {} {}", shape(told.to_string().as_bytes()), told["error"])
            })
            .collect::<Vec<_>>()
    }) else {
        return;
    };
    assert_eq!(wanted, got);
}

/// Who asked, as those hear it who watch the API.
#[test]
fn who_asked_jetstream() {
    let Some([wanted, got]) = both(|server| {
        ["a", "c"].map(|user| {
            let mut watcher = enter(server, "a");
            watcher.flush("SUB $JS.EVENT.ADVISORY.API 1\r\n");
            let mut client = enter(server, user);
            ask(&mut client, 1, "$JS.API.INFO", "");
            let text = payload(&mut watcher, "1");
            let event: Value = serde_json::from_slice(&text).expect("JSON");
            let mut asking = event["client"].clone();
            let fields = asking.as_object_mut().expect("an object");
            // It may have none yet.
            fields.remove("rtt");
            for key in ["start", "id"] {
                fields.get_mut(key).map(Value::take);
            }
            format!("{} {asking}", shape(&text).replace("rtt: number, ", ""))
        })
    }) else {
        return;
    };
    assert_eq!(wanted, got);
}
