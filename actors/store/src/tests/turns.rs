//! A directory whose server was killed, and what others did to it before the next start.

use std::path::{Path, PathBuf};

use super::stores::options;
use crate::format::{Checksum, Kind, Record, encode_consumer_state};
use crate::{
    AckMode, ConsumerState, ConsumerStore, NewMessage, SequencePair, StoreConfig, StoreDirectory, StreamStore,
    SyncPolicy, Ttl,
};

const META: &[u8] = br#"{"name":"S","created":"1"}"#;
const CONSUMER: &[u8] = br#"{"name":"C","created":"1"}"#;

fn open(root: &Path) -> StoreDirectory {
    StoreDirectory::open(options(root, SyncPolicy::Always, None)).unwrap()
}

fn config() -> StoreConfig {
    StoreConfig { name: "S".to_owned(), ..StoreConfig::default() }
}

fn stream(root: &Path) -> PathBuf {
    root.join("jetstream/A/streams/S")
}

fn obs(root: &Path) -> PathBuf {
    stream(root).join("obs/C")
}

/// Writes a configuration with its checksum, as any server does.
fn write_meta(directory: &Path, name: &str, json: &[u8]) {
    let sum = Checksum::named(name).of(&[json]).map(|byte| format!("{byte:02x}")).concat();
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join("meta.inf"), json).unwrap();
    std::fs::write(directory.join("meta.sum"), sum).unwrap();
}

fn publish(store: &mut dyn StreamStore, count: usize) {
    for number in 1..=count {
        let message =
            NewMessage { subject: b"s", headers: b"", payload: b"x", time_ns: number as i64, ttl: Ttl::Limits };
        store.append(&message).unwrap();
    }
    store.commit().unwrap().wait().unwrap();
}

/// A directory with a stream and a consumer that has two of three messages acknowledged, which only the journal knows; its
/// server was killed after it did something more.
fn killed_after(
    scratch: &Path,
    more: impl FnOnce(&StoreDirectory, Box<dyn StreamStore>, Box<dyn ConsumerStore>),
) -> PathBuf {
    let (running, root) = (scratch.join("running"), scratch.join("killed"));
    let directory = open(&running);
    let mut store = directory.create_stream("A", META, config()).unwrap();
    let mut consumer = store.consumer("C", CONSUMER).unwrap();
    publish(&mut *store, 3);
    for number in 1..=2 {
        consumer.deliver(AckMode::Explicit, number, number, 1, 5);
        consumer.acknowledge(AckMode::Explicit, number, number);
    }
    consumer.commit().unwrap().wait().unwrap();
    more(&directory, store, consumer);
    // Nothing is written when a process is killed: what it holds goes with it, and its files go on under another name.
    std::mem::forget(directory);
    std::fs::rename(running, &root).unwrap();
    root
}

fn killed(scratch: &Path) -> PathBuf {
    killed_after(scratch, |_, store, consumer| std::mem::forget((store, consumer)))
}

/// Opens the directory; the state of its consumer, and the notes.
fn look(root: &Path, num_messages: u64) -> (ConsumerState, Vec<String>) {
    let directory = open(root);
    let mut store = directory.open_stream("A", config()).unwrap();
    assert_eq!((store.state().msgs, store.state().lost_msgs), (num_messages, 0));
    let (_, json) = store.consumers().into_iter().next().unwrap();
    let consumer = store.consumer("C", &json).unwrap();
    let (state, notes) = (consumer.state().clone(), directory.notes().to_vec());
    drop((consumer, store));
    directory.close();
    (state, notes)
}

fn state(delivered: u64, floor: u64) -> ConsumerState {
    let pair = |number| SequencePair { consumer: number, stream: number };
    ConsumerState { delivered: pair(delivered), ack_floor: pair(floor), ..ConsumerState::default() }
}

#[test]
fn what_only_the_journal_has_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    assert!(!obs(&root).join("o.dat").exists());
    let (state, notes) = look(&root, 3);
    assert_eq!((state.ack_floor.stream, notes), (2, Vec::new()));
    assert!(!root.join("journal/disputed").exists());
}

#[test]
fn a_configuration_that_another_server_changed_stays_and_acknowledgements_count() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    let changed = br#"{"name":"C","created":"1","description":"other"}"#;
    write_meta(&obs(&root), "S/C", changed);
    let (state, notes) = look(&root, 3);
    assert_eq!(state.ack_floor.stream, 2);
    assert_eq!(std::fs::read(obs(&root).join("meta.inf")).unwrap(), changed);
    let [note, kept] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(note, "jetstream/A/streams/S/obs/C has a configuration of another server, which stays");
    assert!(kept.starts_with("what the journal had is kept in "), "{kept}");
    assert!(std::fs::read_dir(root.join("journal/disputed")).unwrap().count() > 0);
}

#[test]
fn a_stream_that_another_server_edited_keeps_what_the_journal_has() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed_after(scratch.path(), |_, mut store, consumer| {
        store.update_meta(br#"{"name":"S","created":"1","description":"ours"}"#).unwrap();
        std::mem::forget((store, consumer));
    });
    // It gives the stream the time at which it opened it.
    let changed = br#"{"name":"S","created":"2","description":"theirs"}"#;
    write_meta(&stream(&root), "S", changed);
    let (state, notes) = look(&root, 3);
    assert_eq!(state.ack_floor.stream, 2);
    assert_eq!(std::fs::read(stream(&root).join("meta.inf")).unwrap(), changed);
    assert_eq!(notes[0], "jetstream/A/streams/S has a configuration of another server, which stays");
}

#[test]
fn a_configuration_without_its_checksum_is_nobodys() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    std::fs::write(obs(&root).join("meta.inf"), b"torn").unwrap();
    let (state, notes) = look(&root, 3);
    assert_eq!((state.ack_floor.stream, notes), (2, Vec::new()));
    assert_eq!(std::fs::read(obs(&root).join("meta.inf")).unwrap(), CONSUMER);
}

#[test]
fn acknowledgements_of_a_consumer_are_not_those_of_another_that_has_its_name() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    write_meta(&obs(&root), "S/C", br#"{"name":"C","created":"2"}"#);
    let (state, notes) = look(&root, 3);
    assert_eq!(state, ConsumerState::default(), "nothing is skipped");
    assert!(notes[0].ends_with("obs/C was made by another server, and stays as it is"), "{notes:?}");
}

#[test]
fn a_stream_that_was_removed_and_made_by_another_server_stays() {
    for is_others in [true, false] {
        let scratch = tempfile::tempdir().unwrap();
        let root = killed_after(scratch.path(), |_, store, consumer| {
            std::mem::forget(consumer);
            store.destroy().unwrap();
        });
        assert!(!stream(&root).exists());
        // Else the removal was undone by a power cut.
        let meta: &[u8] = if is_others { br#"{"name":"S","created":"2"}"# } else { META };
        write_meta(&stream(&root), "S", meta);
        std::fs::create_dir(stream(&root).join("msgs")).unwrap();
        let directory = open(&root);
        assert_eq!(stream(&root).exists(), is_others);
        assert_eq!(directory.notes().is_empty(), !is_others, "{:?}", directory.notes());
        directory.close();
    }
}

#[test]
fn a_stream_made_anew_by_another_server_has_nothing_of_the_one_before() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    std::fs::remove_dir_all(stream(&root)).unwrap();
    write_meta(&stream(&root), "S", br#"{"name":"S","created":"2"}"#);
    std::fs::create_dir(stream(&root).join("msgs")).unwrap();
    let directory = open(&root);
    let store = directory.open_stream("A", config()).unwrap();
    assert_eq!((store.state().msgs, store.consumers()), (0, Vec::new()));
    drop(store);
    directory.close();
}

#[test]
fn the_state_that_is_further_counts() {
    for (theirs, expected) in [(state(3, 3), 3), (state(1, 1), 2)] {
        let scratch = tempfile::tempdir().unwrap();
        let root = killed(scratch.path());
        std::fs::write(obs(&root).join("o.dat"), encode_consumer_state(&theirs)).unwrap();
        // The start before made the consumer known, so that it is no new one.
        let (found, notes) = look_twice(&root, &theirs);
        assert_eq!(found.ack_floor.stream, expected, "{notes:?}");
    }
}

/// As [`look`], where the journal knows nothing of how the consumer was made: after a clean stop, one more
/// acknowledgement of what there was, and a kill.
fn look_twice(root: &Path, theirs: &ConsumerState) -> (ConsumerState, Vec<String>) {
    std::fs::remove_file(obs(root).join("o.dat")).unwrap();
    look(root, 3);
    let running = root.with_file_name("again");
    std::fs::rename(root, &running).unwrap();
    let directory = open(&running);
    let mut store = directory.open_stream("A", config()).unwrap();
    let mut consumer = store.consumer("C", CONSUMER).unwrap();
    consumer.replace(state(2, 2)).unwrap();
    consumer.commit().unwrap().wait().unwrap();
    std::mem::forget((consumer, store, directory));
    std::fs::rename(&running, root).unwrap();
    std::fs::write(obs(root).join("o.dat"), encode_consumer_state(theirs)).unwrap();
    look(root, 3)
}

#[test]
fn a_state_that_was_set_back_counts_though_an_older_one_was_further() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    look(&root, 3);
    let running = scratch.path().join("again");
    std::fs::rename(&root, &running).unwrap();
    let directory = open(&running);
    let mut store = directory.open_stream("A", config()).unwrap();
    let mut consumer = store.consumer("C", CONSUMER).unwrap();
    assert_eq!(consumer.state().ack_floor.stream, 2);
    consumer.replace(state(1, 1)).unwrap();
    consumer.commit().unwrap().wait().unwrap();
    std::mem::forget((consumer, store, directory));
    std::fs::rename(&running, &root).unwrap();
    let (found, notes) = look(&root, 3);
    assert_eq!((found.ack_floor.stream, notes), (1, Vec::new()));
}

#[test]
fn a_block_that_another_server_went_on_with_stays_and_so_do_its_consumers() {
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    let path = stream(&root).join("msgs/1.blk");
    let whole = std::fs::read(&path).unwrap();
    let record = whole.len() / 3;
    // A power cut took the last two, the other server wrote three of its own.
    let checksum = Checksum::of_block("S", 1);
    let mut theirs = whole[..record].to_vec();
    for seq in 2..=4 {
        let (subject, headers, payload) = (&b"s"[..], &b""[..], &b"other"[..]);
        Record { kind: Kind::Message, seq, time_ns: 9, subject, headers, payload }.encode(&checksum, &mut theirs);
    }
    std::fs::write(&path, &theirs).unwrap();
    let (state, notes) = look(&root, 4);
    assert_eq!(std::fs::read(&path).unwrap(), theirs);
    assert_eq!(state.ack_floor.stream, 0, "what was acknowledged was another message");
    assert!(notes[0].ends_with("msgs/1.blk was written by another server, and stays as it is"), "{notes:?}");
    // What is torn is nobody's.
    let scratch = tempfile::tempdir().unwrap();
    let root = killed(scratch.path());
    let path = stream(&root).join("msgs/1.blk");
    let mut torn = whole.clone();
    torn[record + 10] ^= 1;
    torn.truncate(2 * record + 9);
    std::fs::write(&path, &torn).unwrap();
    let (state, notes) = look(&root, 3);
    assert_eq!((state.ack_floor.stream, notes), (2, Vec::new()));
}
