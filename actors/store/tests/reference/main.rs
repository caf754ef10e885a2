//! Store directories that nats-server wrote, read here, written on, and given back to it.
//!
//! Skipped unless `NATS_SERVER_REF` names a nats-server.

mod client;
mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_store::{
    AckMode, Cipher, DirectoryOptions, EncryptionKey, NewMessage, Purge, StoreConfig, StoreDirectory, StreamStore,
    SubjectFilter, SyncPolicy, Ttl,
};

use client::Client;
use server::Server;

const KEY: &str = "s3cr3t";

/// How the streams of a case are kept.
#[derive(Clone, Copy)]
struct Case {
    cipher: Option<Cipher>,
    compression: &'static str,
    /// Whether nats-server is killed, and so leaves no index.
    is_killed: bool,
}

impl Case {
    fn server_config(&self, store: &Path) -> String {
        let encryption = match self.cipher {
            None => String::new(),
            Some(cipher) => {
                let name = if cipher == Cipher::Aes { "aes" } else { "chacha" };
                format!("key: {KEY}, cipher: {name}")
            }
        };
        format!(
            "listen: \"127.0.0.1:-1\"\njetstream {{ store_dir: {:?}, {encryption} }}\n",
            store.display().to_string()
        )
    }

    fn open(&self, store: &Path) -> StoreDirectory {
        let key = self.cipher.map(|cipher| EncryptionKey { key: KEY.to_owned(), cipher });
        let options = DirectoryOptions { path: store.to_owned(), sync: SyncPolicy::Always, key, previous_key: None };
        StoreDirectory::open(options).unwrap()
    }

    fn stream(&self, name: &str) -> Value {
        json!({
            "name": name, "subjects": [format!("{name}.>")], "storage": "file", "retention": "limits",
            "compression": self.compression, "max_msgs_per_subject": if name == "KV" { 2 } else { -1 },
            "max_bytes": 300_000_000, "allow_msg_ttl": name == "TTL", "allow_direct": true,
        })
    }

    fn store_config(&self, name: &str) -> StoreConfig {
        StoreConfig {
            name: name.to_owned(),
            max_msgs_per_subject: (name == "KV").then_some(2),
            max_bytes: Some(300_000_000),
            allow_msg_ttl: name == "TTL",
            compression: match self.compression {
                "s2" => troupe_store::Compression::S2,
                _ => troupe_store::Compression::None,
            },
            ..StoreConfig::default()
        }
    }
}

/// The last message that nats-server stores first, and the last one added here.
const LAST_MADE: usize = 600;
const LAST_ADDED: usize = 1200;
const STREAMS: [&str; 4] = ["PLAIN", "KV", "PURGED", "TTL"];

fn payload(number: usize) -> Vec<u8> {
    (0..number * 37 % 9000).map(|at| (at * number % 251) as u8).collect()
}

fn subject(name: &str, number: usize) -> String {
    format!("{name}.{}.x", number % 23)
}

/// Makes the streams on nats-server.
fn make(case: Case, client: &mut Client, consumer_file: &Path) {
    for name in STREAMS {
        let answer = client.api(&format!("STREAM.CREATE.{name}"), &case.stream(name));
        assert_eq!(answer["error"], Value::Null, "{answer}");
        for number in 1..=LAST_MADE {
            let headers = match (name, number % 3) {
                ("TTL", 0) => "NATS/1.0\r\nNats-TTL: 3600\r\n\r\n",
                ("TTL", 1) => "NATS/1.0\r\nNats-TTL: never\r\n\r\n",
                (_, 0) => "NATS/1.0\r\nA: b\r\n\r\n",
                _ => "",
            };
            client.publish(&subject(name, number), headers, &payload(number));
        }
    }
    for seq in [5, 6, 400, LAST_MADE] {
        client.api("STREAM.MSG.DELETE.PLAIN", &json!({"seq": seq, "no_erase": seq != 6}));
    }
    if !case.is_killed {
        // After a kill, messages that had left by the limit of a subject are back where the purge made room for them.
        client.api("STREAM.PURGE.KV", &json!({"filter": "KV.7.x"}));
    }
    client.api("STREAM.PURGE.PURGED", &json!({}));
    let consumer = json!({"stream_name": "PLAIN", "config": {"durable_name": "C", "ack_policy": "explicit"}});
    client.api("CONSUMER.DURABLE.CREATE.PLAIN.C", &consumer);
    let replies = client.pull("PLAIN", "C", 10);
    let written = || std::fs::metadata(consumer_file).and_then(|metadata| metadata.modified()).ok();
    for (at, reply) in replies.iter().take(4).enumerate() {
        let before = written();
        client.request(reply, "", b"+ACK");
        // nats-server writes consumers behind their acknowledgements. The first file may have been on its way before the
        // messages were delivered; the second one that follows an acknowledgement tells of them all.
        if at < 2 {
            wait_until(|| written() != before);
        }
    }
}

/// Waits until the streams' blocks, which nats-server writes behind its answers, hold what it told of them.
fn wait_for_blocks(root: &Path, told: &[Value]) {
    for (name, told) in STREAMS.iter().zip(told) {
        let blocks = root.join("streams").join(name).join("msgs");
        wait_until(|| size_of(&blocks) >= told["bytes"].as_u64().unwrap());
    }
}

/// The bytes of the blocks of a stream.
fn size_of(blocks: &Path) -> u64 {
    let files = std::fs::read_dir(blocks).unwrap().flatten();
    let blocks = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "blk"));
    blocks.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "nats-server did not write its files");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn info(client: &mut Client, name: &str) -> Value {
    client.api(&format!("STREAM.INFO.{name}"), &json!({"deleted_details": true}))["state"].clone()
}

/// Compares a store with what nats-server said of it.
fn compare(store: &mut dyn StreamStore, told: &Value, name: &str) {
    let state = store.state();
    for (field, value) in [
        ("messages", state.msgs),
        ("bytes", state.bytes),
        ("first_seq", state.first_seq),
        ("last_seq", state.last_seq),
        ("num_subjects", state.num_subjects),
        ("num_deleted", state.num_deleted),
    ] {
        assert_eq!(told[field].as_u64().unwrap_or(0), value, "{field} of {name}: {told} and {state:?}");
    }
    let deleted: Vec<u64> = told["deleted"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    assert_eq!(store.deleted(usize::MAX), deleted, "{name}");
    let mut seen = 0;
    let mut from = 0;
    while let Some(message) = store.next(&SubjectFilter::all(), from).unwrap() {
        let number = message.seq as usize;
        assert_eq!(message.subject(), subject(name, number).as_bytes());
        assert_eq!(message.payload(), payload(number), "{name} {number}");
        seen += 1;
        from = message.seq + 1;
    }
    assert_eq!(seen, state.msgs, "{name}");
}

/// Changes each stream as its owner would, and returns their states.
fn change(case: Case, directory: &StoreDirectory, told: &[Value]) -> Vec<troupe_store::StoreState> {
    let found = directory.streams().unwrap();
    assert_eq!(found.len(), STREAMS.len());
    assert!(found.iter().all(|stream| stream.meta.as_ref().is_ok_and(|meta| meta.starts_with(b"{\"Created\""))));
    let mut states = Vec::new();
    for (name, told) in STREAMS.iter().zip(told) {
        let mut store = directory.open_stream("$G", case.store_config(name)).unwrap();
        compare(&mut *store, told, name);
        for number in LAST_MADE + 1..=LAST_ADDED {
            let headers: &[u8] = if number % 5 == 0 { b"NATS/1.0\r\nC: d\r\n\r\n" } else { b"" };
            let (subject, payload) = (subject(name, number), payload(number));
            let time_ns = 1_900_000_000_000_000_000 + number as i64;
            let ttl = Ttl::Limits;
            let message = NewMessage { subject: subject.as_bytes(), headers, payload: &payload, time_ns, ttl };
            assert_eq!(store.append(&message).unwrap(), number as u64);
        }
        store.remove(3, false).unwrap();
        store.remove(LAST_ADDED as u64 - 100, true).unwrap();
        store.purge(&Purge { filter: SubjectFilter::one(b"*.11.x"), before_seq: 0, keep: 1 }).unwrap();
        if *name == "PLAIN" {
            store.compact(500).unwrap();
            let consumers = store.consumers();
            assert_eq!(consumers.len(), 1);
            let mut consumer = store.consumer("C", &consumers[0].1).unwrap();
            assert_eq!(consumer.state().delivered.stream, 12);
            // A killed nats-server forgets its last acknowledgements.
            let pending = consumer.state().pending.len();
            assert!(pending == 6 || case.is_killed && pending > 6, "{pending}");
            assert!(consumer.acknowledge(AckMode::Explicit, 5, 7));
            consumer.commit().unwrap().wait().unwrap();
            consumer.close().unwrap();
        }
        store.commit().unwrap().wait().unwrap();
        store.maintain(0).unwrap();
        states.push(store.state());
        store.close().unwrap();
    }
    states
}

fn check(client: &mut Client, states: &[troupe_store::StoreState]) {
    for (name, state) in STREAMS.iter().zip(states) {
        let told = info(client, name);
        for (field, value) in [
            ("messages", state.msgs),
            ("bytes", state.bytes),
            ("first_seq", state.first_seq),
            ("last_seq", state.last_seq),
            ("num_subjects", state.num_subjects),
            ("num_deleted", state.num_deleted),
        ] {
            assert_eq!(told[field].as_u64().unwrap_or(0), value, "{field} of {name}: {told} and {state:?}");
        }
        for number in [LAST_MADE + 1, 1000, LAST_ADDED - 1, LAST_ADDED] {
            let answer = client.api(&format!("STREAM.MSG.GET.{name}"), &json!({"seq": number}));
            if answer["error"]["err_code"] == 10037 {
                continue;
            }
            assert_eq!(answer["message"]["subject"], subject(name, number), "{name} {number}: {answer}");
        }
        let last =
            client.api(&format!("STREAM.MSG.GET.{name}"), &json!({"last_by_subj": subject(name, LAST_ADDED - 1)}));
        assert_eq!(last["message"]["seq"], LAST_ADDED - 1, "{name}: {last}");
        client.publish(&subject(name, 1), "", b"on it goes");
        assert_eq!(info(client, name)["last_seq"], LAST_ADDED + 1);
    }
    let consumer = client.api("CONSUMER.INFO.PLAIN.C", &json!({}));
    assert_eq!(consumer["delivered"]["consumer_seq"], 10, "{consumer}");
}

fn round_trip(case: Case) {
    let Some(binary) = std::env::var_os("NATS_SERVER_REF") else { return };
    let root = tempfile::tempdir().unwrap();
    let store = root.path().join("store");
    let server = Server::start(&binary, root.path(), &case.server_config(&store));
    let mut client = Client::connect(server.port);
    let account = store.join("jetstream/$G");
    make(case, &mut client, &account.join("streams/PLAIN/obs/C/o.dat"));
    let told: Vec<Value> = STREAMS.iter().map(|name| info(&mut client, name)).collect();
    wait_for_blocks(&account, &told);
    server.stop(case.is_killed);

    let directory = case.open(&store);
    let states = change(case, &directory, &told);
    directory.close();

    let server = Server::start(&binary, root.path(), &case.server_config(&store));
    let mut client = Client::connect(server.port);
    check(&mut client, &states);
    server.stop(false);
}

#[test]
fn plain_streams_go_both_ways() {
    round_trip(Case { cipher: None, compression: "none", is_killed: false });
}

#[test]
fn streams_of_a_killed_server_go_both_ways() {
    round_trip(Case { cipher: None, compression: "s2", is_killed: true });
}

#[test]
fn compressed_streams_go_both_ways() {
    round_trip(Case { cipher: None, compression: "s2", is_killed: false });
}

#[test]
fn streams_encrypted_with_chacha_go_both_ways() {
    round_trip(Case { cipher: Some(Cipher::ChaCha), compression: "s2", is_killed: false });
}

#[test]
fn streams_encrypted_with_aes_go_both_ways() {
    round_trip(Case { cipher: Some(Cipher::Aes), compression: "none", is_killed: true });
}
