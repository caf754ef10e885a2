//! JetStream in the documents, key by key beside nats-server's.

use serde_json::{Value, json};
use troupe_tests::raw::Waited;
use troupe_tests::{RawClient, Server};

use crate::document::differences;
use crate::http;
use crate::stage::{MONITOR, document, document_when, join, monitor};

const CONFIG: &str = "jetstream { store_dir: store, max_memory_store: 1GB, max_file_store: 2GB, sync_interval: \"2m\",\n\
                      limits { max_ack_pending: 500, max_request_batch: 300, duplicate_window: \"1m\", default_max_consumers: 7 } }\n\
                      accounts { A { users [{user: a, password: a}], jetstream { max_memory: 100MB, max_file: 200MB } },\n\
                      B { users [{user: b, password: b}], jetstream: enabled }, C { users [{user: c, password: c}] } }\n\
                      no_auth_user: a\n";

/// What can be asked for, and answers with 200.
const DOCUMENTS: &[&str] = &[
    "/jsz",
    "/jsz?accounts=1",
    "/jsz?accounts=1&limit=1",
    "/jsz?accounts=1&offset=1",
    "/jsz?acc=A",
    "/jsz?acc=C",
    "/jsz?acc=nobody",
    "/jsz?config=1",
    "/jsz?streams=1",
    "/jsz?streams=1&config=1",
    "/jsz?consumers=1",
    "/jsz?consumers=1&config=1",
    "/jsz?consumers=1&direct-consumers=1",
    "/jsz?acc=A&consumers=1&raft=1",
    "/jsz?streams=1&stream-leader-only=1",
    "/jsz?leader-only=1",
    "/accountz?acc=A",
    "/accountz?acc=C",
    "/healthz",
    "/healthz?account=A&stream=S&consumer=C&details=1",
    "/healthz?js-enabled-only=1",
];

/// What can be asked for, and answers with something else.
const REFUSALS: &[&str] = &[
    "/healthz?account=A&stream=S&consumer=X",
    "/healthz?account=A&stream=S&consumer=X&details=1",
    "/healthz?account=A&stream=X",
    "/healthz?account=A&stream=X&details=1",
    "/healthz?account=X&details=1",
    "/healthz?account=A&consumer=C",
    "/raftz",
    "/raftz?acc=A&group=g",
];

/// Asks the API, and waits for the answer.
fn ask(client: &mut RawClient, subject: &str, body: &Value) {
    let body = body.to_string();
    let answers = |client: &RawClient| client.frames().iter().filter(|frame| frame.contains("MSG answers ")).count();
    let before = answers(client);
    client.flush(format!("PUB $JS.API.{subject} answers {}\r\n{body}\r\n", body.len()));
    let waited = client.wait(|frames| frames.iter().filter(|frame| frame.contains("MSG answers ")).count() > before);
    assert_eq!(waited, Waited::Met, "{subject}: {}", client.text());
}

/// Streams of all kinds with consumers, one of which has messages it did not acknowledge, and a request that fails.
fn fill(server: &Server) -> RawClient {
    let mut client = join(server, "");
    client.flush("SUB answers 1\r\n");
    for config in [
        json!({ "name": "S", "subjects": ["s.*"] }),
        json!({ "name": "M", "subjects": ["m"], "storage": "memory", "max_bytes": 10_000 }),
        json!({ "name": "MIRROR", "mirror": { "name": "S" } }),
        json!({ "name": "SOURCED", "sources": [{ "name": "S" }] }),
    ] {
        let subject = format!("STREAM.CREATE.{}", config["name"].as_str().expect("a name"));
        ask(&mut client, &subject, &config);
    }
    for config in [
        json!({ "durable_name": "C", "ack_policy": "explicit" }),
        json!({ "durable_name": "PUSHED", "deliver_subject": "pushed", "filter_subject": "s.a" }),
    ] {
        let name = config["durable_name"].as_str().expect("a name");
        let subject = format!("CONSUMER.DURABLE.CREATE.S.{name}");
        ask(&mut client, &subject, &json!({ "stream_name": "S", "config": config }));
    }
    ask(&mut client, "STREAM.INFO.NONE", &json!({}));
    client.flush("PUB s.a 2\r\nhi\r\nPUB s.b 2\r\nho\r\nPUB s.a 1\r\n!\r\n");
    client.flush("SUB inbox 2\r\nPUB $JS.API.CONSUMER.MSG.NEXT.S.C inbox 11\r\n{\"batch\":2}\r\n");
    let waited = client.wait(|frames| frames.iter().filter(|frame| frame.contains("MSG s.")).count() == 2);
    assert_eq!(waited, Waited::Met, "{}", client.text());
    document_when(server, "/jsz", |jsz| jsz["messages"] == 9);
    client
}

/// Consumers that feed other streams without the random part of their names, in the order of what is left.
fn without_chance(mut document: Value) -> Value {
    let accounts = document.get_mut("account_details").and_then(Value::as_array_mut);
    let streams = accounts.into_iter().flatten().filter_map(|account| account.get_mut("stream_detail")?.as_array_mut());
    for stream in streams.flatten() {
        let Some(feeders) = stream.get_mut("direct_consumer_detail").and_then(Value::as_array_mut) else { continue };
        for feeder in feeders.iter_mut() {
            let name = feeder["name"].as_str().expect("a name").split('_').take(2).collect::<Vec<_>>().join("_");
            feeder["name"] = name.into();
        }
        feeders.sort_by_key(|feeder| feeder["name"].to_string());
    }
    document
}

#[test]
fn streams_and_consumers() {
    let config = format!("{MONITOR}{CONFIG}");
    let Some(reference) = Server::reference(&*config) else { return };
    let troupe = Server::troupe(&*config);
    let _clients = [fill(&reference), fill(&troupe)];
    let mut found = Vec::new();
    let [wanted, shown] = [&reference, &troupe].map(|server| document(server, "/varz")["jetstream"].clone());
    found.extend(differences("/varz", &wanted, &shown));
    for path in DOCUMENTS {
        let endpoint = path.split('?').next().unwrap_or_default();
        let [wanted, shown] = [&reference, &troupe].map(|server| without_chance(document(server, path)));
        let differing = differences(endpoint, &wanted, &shown);
        found.extend(differing.into_iter().map(|text| format!("{path}: {text}")));
    }
    for path in REFUSALS {
        let [wanted, shown] = [&reference, &troupe].map(|server| {
            let answer = http::get(monitor(server), path);
            (answer.status, answer.text())
        });
        if wanted != shown {
            found.push(format!("{path}: nats-server has {wanted:?}, troupe has {shown:?}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// More consumers than fit into one answer of a stream.
#[test]
fn all_consumers_of_a_stream_are_shown() {
    const COUNT: usize = 600;
    let server = Server::troupe(&*format!("{MONITOR}jetstream {{ store_dir: store }}\n"));
    let mut client = join(&server, "");
    client.flush("SUB answers 1\r\n");
    ask(&mut client, "STREAM.CREATE.S", &json!({ "name": "S", "storage": "memory" }));
    for number in 0..COUNT {
        let config = json!({ "durable_name": format!("C{number}"), "ack_policy": "explicit" });
        let body = json!({ "stream_name": "S", "config": config }).to_string();
        client.send(format!("PUB $JS.API.CONSUMER.DURABLE.CREATE.S.C{number} {}\r\n{body}\r\n", body.len()));
    }
    let shown = document_when(&server, "/jsz?consumers=1", |jsz| jsz["consumers"] == COUNT);
    let consumers = shown["account_details"][0]["stream_detail"][0]["consumer_detail"].as_array().expect("a list");
    let names: std::collections::BTreeSet<_> = consumers.iter().map(|one| one["name"].to_string()).collect();
    assert_eq!((consumers.len(), names.len()), (COUNT, COUNT));
}
