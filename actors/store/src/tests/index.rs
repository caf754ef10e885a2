//! What the index file spares at start, and what it must not hide; blocks written anew beside their stream's work.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::stores::options;
use crate::{Compression, NewMessage, Purge, StoreConfig, StoreDirectory, StreamStore, SubjectFilter, SyncPolicy, Ttl};

const SECOND_NS: i64 = 1_000_000_000;

struct Home {
    root: tempfile::TempDir,
    directory: StoreDirectory,
    now_ns: i64,
}

impl Home {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let directory = open(root.path());
        Self { root, directory, now_ns: 1_700_000_000 * SECOND_NS }
    }

    fn blocks(&self) -> PathBuf {
        self.root.path().join("jetstream/ACC/streams/S/msgs")
    }

    fn size_of(&self, block: u32) -> u64 {
        std::fs::metadata(self.blocks().join(format!("{block}.blk"))).map_or(0, |metadata| metadata.len())
    }

    /// Leaves the files as they are, and opens the stream again.
    fn kill(&mut self, store: Box<dyn StreamStore>, config: &StoreConfig) -> Box<dyn StreamStore> {
        drop(store);
        self.directory.close();
        self.directory = open(self.root.path());
        self.directory.open_stream("ACC", config.clone()).unwrap()
    }

    fn maintain(&mut self, store: &mut dyn StreamStore, seconds: i64) {
        self.now_ns += seconds * SECOND_NS;
        store.maintain(self.now_ns).unwrap();
    }

    /// Lets the workshop do what it has to do.
    fn wait_until(&mut self, store: &mut dyn StreamStore, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so(self) {
            assert!(Instant::now() < deadline, "the workshop does not get to it");
            std::thread::sleep(Duration::from_millis(2));
            self.maintain(store, 1);
        }
        self.maintain(store, 1);
    }
}

fn open(root: &Path) -> StoreDirectory {
    StoreDirectory::open(options(root, SyncPolicy::Always, None)).unwrap()
}

fn config() -> StoreConfig {
    StoreConfig { name: "S".to_owned(), ..StoreConfig::default() }
}

fn add(store: &mut dyn StreamStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (subject, payload) = (format!("s.{}", number % 7), format!("{number:0200}"));
        let message = NewMessage {
            subject: subject.as_bytes(),
            headers: b"",
            payload: payload.as_bytes(),
            time_ns: number as i64,
            ttl: Ttl::Limits,
        };
        assert_eq!(store.append(&message).unwrap(), number);
    }
    store.commit().unwrap().wait().unwrap();
}

/// A stream of 59 messages, and an index that tells of all of them.
fn indexed() -> (Home, Box<dyn StreamStore>) {
    let mut home = Home::new();
    let mut store = home.directory.create_stream("ACC", br#"{"name":"S"}"#, config()).unwrap();
    add(&mut *store, 1..60);
    home.maintain(&mut *store, 0);
    home.maintain(&mut *store, 121);
    (home, store)
}

/// Flips a bit in the payload of the first message of a block.
fn damage(home: &Home, block: u32) {
    let path = home.blocks().join(format!("{block}.blk"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn only_what_was_written_behind_the_index_is_read() {
    let (mut home, mut store) = indexed();
    assert!(home.blocks().join("index.db").exists());
    // Into the block that the index ends in, and further ones; of them and of earlier ones something is removed.
    add(&mut *store, 60..120);
    for seq in [7, 58, 61, 90, 119] {
        assert!(store.remove(seq, false).unwrap());
    }
    store.commit().unwrap().wait().unwrap();
    let (state, deleted) = (store.state(), store.deleted(100));
    let counts = store.subjects(&SubjectFilter::all(), None, 100);
    // Nobody looks at the second block now.
    damage(&home, 2);
    let mut store = home.kill(store, &config());
    assert_eq!((store.state(), store.deleted(100)), (state, deleted));
    assert_eq!(store.subjects(&SubjectFilter::all(), None, 100), counts);
    assert_eq!(store.get(118).unwrap().payload(), format!("{:0200}", 118).as_bytes());
    add(&mut *store, 120..125);
    store.close().unwrap();
    home.directory.close();
}

#[test]
fn an_index_of_blocks_that_were_changed_is_of_no_use() {
    for is_gone in [true, false] {
        let mut home = Home::new();
        let mut store = home.directory.create_stream("ACC", br#"{"name":"S"}"#, config()).unwrap();
        add(&mut *store, 1..60);
        home.maintain(&mut *store, 0);
        home.maintain(&mut *store, 121);
        let index = std::fs::read(home.blocks().join("index.db")).unwrap();
        let marks = std::fs::read(home.blocks().join("marks.db")).unwrap();
        if is_gone {
            store.compact(20).unwrap();
        } else {
            for seq in 9..14 {
                store.remove(seq, true).unwrap();
            }
        }
        add(&mut *store, 60..70);
        let (state, deleted) = (store.state(), store.deleted(100));
        // As if the index were written by somebody who did not know of it.
        std::fs::write(home.blocks().join("index.db"), &index).unwrap();
        std::fs::write(home.blocks().join("marks.db"), &marks).unwrap();
        let mut store = home.kill(store, &config());
        assert_eq!((store.state(), store.deleted(100)), (state, deleted));
        add(&mut *store, 70..75);
        home.directory.close();
    }
}

#[test]
fn what_is_gone_leaves_the_files_while_the_stream_goes_on() {
    let mut home = Home::new();
    let mut store = home.directory.create_stream("ACC", br#"{"name":"S"}"#, config()).unwrap();
    add(&mut *store, 1..60);
    let before = home.size_of(3);
    let third: Vec<u64> = (17..24).collect();
    for seq in &third[..5] {
        store.remove(*seq, false).unwrap();
    }
    home.maintain(&mut *store, 0);
    // Another leaves while the block may be written anew.
    store.remove(third[5], false).unwrap();
    add(&mut *store, 60..70);
    home.wait_until(&mut *store, |home| home.size_of(3) < before / 2);
    let (state, deleted) = (store.state(), store.deleted(100));
    assert_eq!(state.msgs, 63);
    assert_eq!(store.get(third[6]).unwrap().payload(), format!("{:0200}", third[6]).as_bytes());
    let store = home.kill(store, &config());
    assert_eq!((store.state(), store.deleted(100)), (state, deleted));
    home.directory.close();
}

#[test]
fn an_index_stays_while_nobody_has_room_to_make_it_useless() {
    let (mut home, mut store) = indexed();
    let index = std::fs::read(home.blocks().join("index.db")).unwrap();
    for seq in 17..22 {
        store.remove(seq, false).unwrap();
    }
    store.commit().unwrap().wait().unwrap();
    // From now on the workshop takes nothing.
    home.directory.close();
    home.maintain(&mut *store, 31);
    assert_eq!(std::fs::read(home.blocks().join("index.db")).ok(), Some(index));
}

#[test]
fn blocks_are_compressed_beside_the_stream() {
    let config = StoreConfig { compression: Compression::S2, ..config() };
    let mut home = Home::new();
    let mut store = home.directory.create_stream("ACC", br#"{"name":"S"}"#, config.clone()).unwrap();
    // More than the workshop takes at once.
    add(&mut *store, 1..1200);
    let last = 1199 / 8;
    home.wait_until(&mut *store, |home| (1..last).all(|block| home.size_of(block) < 1500));
    home.maintain(&mut *store, 121);
    add(&mut *store, 1200..1300);
    let state = store.state();
    let mut store = home.kill(store, &config);
    assert_eq!(store.state(), state);
    for seq in (1..1300).step_by(50) {
        assert_eq!(store.get(seq).unwrap().payload(), format!("{seq:0200}").as_bytes());
    }
    store.purge(&Purge { filter: SubjectFilter::all(), before_seq: 0, keep: 0 }).unwrap();
    store.destroy().unwrap();
    home.directory.close();
}

#[test]
fn a_block_that_lacks_a_message_is_not_written_anew() {
    let mut home = Home::new();
    let mut store = home.directory.create_stream("ACC", br#"{"name":"S"}"#, config()).unwrap();
    add(&mut *store, 1..60);
    home.maintain(&mut *store, 11);
    home.maintain(&mut *store, 11);
    for seq in 18..24 {
        store.remove(seq, false).unwrap();
    }
    damage(&home, 3);
    let before = home.size_of(3);
    let deadline = Instant::now() + Duration::from_secs(20);
    let refusal = loop {
        home.now_ns += 31 * SECOND_NS;
        match store.maintain(home.now_ns) {
            Err(error) => break error.to_string(),
            Ok(_) => std::thread::sleep(Duration::from_millis(2)),
        }
        assert!(Instant::now() < deadline, "nobody sees that");
    };
    assert!(refusal.contains("3.blk"), "{refusal}");
    assert_eq!(home.size_of(3), before, "what can be read of it can still be read");
    drop(store);
    home.directory.close();
}

#[test]
fn the_sequence_of_a_damaged_last_message_is_not_given_again() {
    let mut home = Home::new();
    let mut store = home.directory.create_stream("ACC", br#"{"name":"S"}"#, config()).unwrap();
    add(&mut *store, 1..58);
    store.close().unwrap();
    home.directory.close();
    damage(&home, 8);
    home.directory = open(home.root.path());
    let mut store = home.directory.open_stream("ACC", config()).unwrap();
    assert_eq!((store.state().lost_msgs, store.state().last_seq), (0, 57), "the index spared reading it");
    assert!(store.next(&SubjectFilter::all(), 57).unwrap().is_none());
    assert_eq!((store.state().msgs, store.state().lost_msgs, store.state().last_seq), (56, 1, 57));
    add(&mut *store, 58..60);
    assert_eq!(store.get(59).unwrap().payload(), format!("{:0200}", 59).as_bytes());
    home.directory.close();
}

#[test]
fn damage_that_is_found_later_is_put_aside_too() {
    let mut home = Home::new();
    let mut store = home.directory.create_stream("ACC", br#"{"name":"S"}"#, config()).unwrap();
    add(&mut *store, 1..60);
    store.close().unwrap();
    home.directory.close();
    // Of a closed block, and of the last one.
    for block in [3, 8] {
        damage(&home, block);
    }
    home.directory = open(home.root.path());
    let mut store = home.directory.open_stream("ACC", config()).unwrap();
    assert_eq!(store.state().lost_msgs, 0, "the index spared reading it");
    add(&mut *store, 60..62);
    assert_eq!(store.next(&SubjectFilter::all(), 17).unwrap().map(|message| message.seq), Some(18));
    let state = store.state();
    assert_eq!((state.msgs, state.lost_msgs, state.last_seq, state.num_deleted), (59, 2, 61, 2));
    assert_eq!(store.deleted(10), [17, 57]);
    for seq in (1..=61).filter(|seq| ![17, 57].contains(seq)) {
        assert_eq!(store.get(seq).unwrap().payload(), format!("{seq:0200}").as_bytes());
    }
    let counted: u64 = store.subjects(&SubjectFilter::all(), None, 100).iter().map(|count| count.msgs).sum();
    assert_eq!(counted, 59);
    assert_eq!(std::fs::read_dir(home.blocks().with_file_name("lost")).unwrap().count(), 2);
    add(&mut *store, 62..65);
    let state = store.state();
    let store = home.kill(store, &config());
    assert_eq!((store.state().msgs, store.state().num_deleted), (state.msgs, 2));
    home.directory.close();
}
