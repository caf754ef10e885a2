//! A directory whose server was killed, and what others did to it before the next start.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::stores::options;
use crate::{AckMode, ConsumerState, NewMessage, StoreConfig, StoreDirectory, SyncPolicy, Ttl};

const META: &[u8] = br#"{"name":"S"}"#;
const CONSUMER: &[u8] = br#"{"name":"C"}"#;

fn open(root: &Path) -> StoreDirectory {
    StoreDirectory::open(options(root, SyncPolicy::Always, None)).unwrap()
}

fn config() -> StoreConfig {
    StoreConfig { name: "S".to_owned(), ..StoreConfig::default() }
}

/// A directory with a stream and a consumer that has two messages acknowledged, which only the journal knows; its server
/// was killed.
fn killed(scratch: &Path) -> PathBuf {
    let (running, root) = (scratch.join("running"), scratch.join("killed"));
    let directory = open(&running);
    let mut store = directory.create_stream("A", META, config()).unwrap();
    let mut consumer = store.consumer("C", CONSUMER).unwrap();
    for number in 1..=3 {
        let message = NewMessage { subject: b"s", headers: b"", payload: b"x", time_ns: number, ttl: Ttl::Limits };
        store.append(&message).unwrap();
    }
    store.commit().unwrap().wait().unwrap();
    for number in 1..=2 {
        consumer.deliver(AckMode::Explicit, number, number, 1, 5);
        consumer.acknowledge(AckMode::Explicit, number, number);
    }
    consumer.commit().unwrap().wait().unwrap();
    // Nothing is written when a process is killed: what it holds goes with it, and its files go on under another name.
    std::mem::forget((consumer, store, directory));
    std::fs::rename(running, &root).unwrap();
    root
}

/// Opens the directory; the state of its consumer, and the notes.
fn look(root: &Path) -> (ConsumerState, Vec<String>) {
    let directory = open(root);
    let mut store = directory.open_stream("A", config()).unwrap();
    assert_eq!(store.state().msgs, 3);
    let consumer = store.consumer("C", CONSUMER).unwrap();
    let (state, notes) = (consumer.state().clone(), directory.notes().to_vec());
    drop((consumer, store));
    directory.close();
    (state, notes)
}

fn obs(root: &Path) -> PathBuf {
    root.join("jetstream/A/streams/S/obs/C")
}

#[test]
fn what_only_the_journal_has_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    assert!(!obs(&root).join("o.dat").exists());
    let (state, notes) = look(&root);
    assert_eq!((state.ack_floor.stream, notes), (2, Vec::new()));
}

#[test]
fn a_start_that_is_interrupted_takes_nothing_for_the_work_of_others() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    let segment = root.join("journal/0.journal");
    let journal = std::fs::read(&segment).unwrap();
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_millis(20);
    look(&root);
    // As if that start had ended after the configuration, and before the state was written.
    std::fs::remove_file(obs(&root).join("o.dat")).unwrap();
    std::fs::write(&segment, journal).unwrap();
    let began = i64::try_from(began.as_nanos()).unwrap();
    std::fs::write(root.join("journal/applying"), began.to_le_bytes()).unwrap();
    let (state, notes) = look(&root);
    assert_eq!((state.ack_floor.stream, notes), (2, Vec::new()));
    assert!(!root.join("journal/applying").exists());
}

#[test]
fn what_others_wrote_and_removed_stays_so() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    let meta = obs(&root).join("meta.inf");
    std::fs::write(&meta, b"of another").unwrap();
    // Times of files are coarse.
    let file = std::fs::File::options().write(true).open(&meta).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
    let directory = open(&root);
    assert_eq!(std::fs::read(&meta).unwrap(), b"of another");
    assert!(!obs(&root).join("o.dat").exists(), "that is of the consumer before");
    let [note] = directory.notes() else { panic!("{:?}", directory.notes()) };
    assert!(note.contains("obs/C/meta.inf is another server's"), "{note}");
    let kept = root.join("journal/jetstream+A+streams+S+obs+C+meta.inf.disputed");
    assert_eq!(std::fs::read(kept).unwrap(), CONSUMER);
    directory.close();

    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    let stream = root.join("jetstream/A/streams/S");
    std::fs::remove_dir_all(&stream).unwrap();
    let directory = open(&root);
    assert!(!stream.exists());
    assert!(directory.notes().iter().any(|note| note.contains("streams/S is not there any more")));
    directory.close();
}
