//! What applications do with JetStream through the Rust client.

use async_nats::jetstream::{self, kv, stream};
use futures_util::TryStreamExt;
use troupe_tests::Server;

use crate::ask;

async fn start() -> (Server, tempfile::TempDir, jetstream::Context) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = ask::start(directory.path());
    let client = ask::connect(&server).await;
    (server, directory, jetstream::new(client))
}

#[tokio::test]
async fn streams_are_made_filled_and_read() {
    let (_server, _directory, context) = start().await;
    let config = stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s.>".to_owned()],
        allow_direct: true,
        ..stream::Config::default()
    };
    let made = context.create_stream(config.clone()).await.expect("the stream is made");
    for number in 1..=20_u64 {
        let ack = context.publish("s.one", format!("m{number}").into()).await.expect("it is sent");
        assert_eq!(ack.await.expect("it is stored").sequence, number);
    }
    assert_eq!(made.direct_get(3).await.expect("it is there").payload, "m3");
    assert_eq!(made.get_raw_message(4).await.expect("it is there").payload, "m4");
    assert_eq!(made.direct_get_last_for_subject("s.one").await.expect("it is there").payload, "m20");
    assert!(made.delete_message(3).await.expect("an answer"));
    assert!(made.direct_get(3).await.is_err());
    let purged = made.purge().filter("s.one").keep(5).await.expect("an answer");
    assert_eq!(purged.purged, 14);
    let changed = stream::Config { max_messages: 3, ..config };
    assert_eq!(context.update_stream(changed).await.expect("it changes").state.messages, 3);
    let names: Vec<String> = context.stream_names().try_collect().await.expect("names");
    assert_eq!(names, ["S"]);
    assert!(context.delete_stream("S").await.expect("an answer").success);
}

#[tokio::test]
async fn values_are_put_and_got() {
    let (_server, _directory, context) = start().await;
    let config = kv::Config { bucket: "B".to_owned(), history: 3, ..kv::Config::default() };
    let store = context.create_key_value(config).await.expect("the bucket is made");
    let first = store.put("a", "one".into()).await.expect("it is put");
    assert_eq!(store.get("a").await.expect("an answer").expect("it is there"), "one");
    let second = store.update("a", "two".into(), first).await.expect("it is updated");
    assert!(store.update("a", "no".into(), first).await.is_err());
    assert!(store.create("a", "no".into()).await.is_err());
    assert_eq!(store.entry("a").await.expect("an answer").expect("it is there").revision, second);
    store.delete("a").await.expect("it is deleted");
    assert!(store.get("a").await.expect("an answer").is_none());
    store.create("a", "three".into()).await.expect("it is made anew");
    store.purge("a").await.expect("it is purged");
    assert_eq!(store.status().await.expect("an answer").bucket(), "B");
}
