//! Streams and consumers that come, change and go, on a disk whose power goes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::simulated_disk::SimulatedDisk;
use super::stores::options;
use crate::{
    AckMode, Cipher, ConsumerStore, NewMessage, StoreConfig, StoreDirectory, StoreError, StreamStore, SyncPolicy, Ttl,
};

const STREAMS: [&str; 3] = ["S", "T", "U"];
const CONSUMERS: [&str; 3] = ["C", "D", "E"];

/// What a stream or consumer may be after a crash: what it was, or what it was to become. None for not there.
#[derive(Clone, Debug, Default, PartialEq)]
struct Expected {
    /// Its configuration.
    may_be: Vec<Option<Vec<u8>>>,
    /// Messages, or how far it was delivered.
    count: u64,
}

impl Expected {
    fn is_there(&self) -> bool {
        matches!(self.may_be[..], [Some(_)])
    }

    fn settle(&mut self) {
        self.may_be.drain(..self.may_be.len() - 1);
        if !self.is_there() {
            self.count = 0;
        }
    }
}

struct Opened {
    store: Box<dyn StreamStore>,
    consumers: BTreeMap<&'static str, Box<dyn ConsumerStore>>,
}

struct Life {
    disk: SimulatedDisk,
    directory: StoreDirectory,
    cipher: Option<Cipher>,
    opened: BTreeMap<&'static str, Opened>,
    streams: BTreeMap<&'static str, Expected>,
    consumers: BTreeMap<(&'static str, &'static str), Expected>,
    random: StdRng,
}

fn open(disk: &SimulatedDisk, cipher: Option<Cipher>) -> StoreDirectory {
    let options = options(Path::new("store"), SyncPolicy::Always, cipher);
    let directory = StoreDirectory::open_on(Arc::new(disk.clone()), options).unwrap();
    assert_eq!(directory.notes(), [] as [&str; 0], "nobody else was there");
    directory
}

fn config(name: &str) -> StoreConfig {
    StoreConfig { name: name.to_owned(), ..StoreConfig::default() }
}

fn absent() -> Expected {
    Expected { may_be: vec![None], count: 0 }
}

fn append(store: &mut dyn StreamStore) -> Result<(), StoreError> {
    let message = NewMessage { subject: b"s", headers: b"", payload: &[7; 700], time_ns: 1, ttl: Ttl::Limits };
    store.append(&message)?;
    store.commit()?.wait()
}

impl Life {
    fn begin(seed: u64, cipher: Option<Cipher>) -> Self {
        let disk = SimulatedDisk::default();
        Self {
            directory: open(&disk, cipher),
            disk,
            cipher,
            opened: BTreeMap::new(),
            streams: STREAMS.into_iter().map(|name| (name, absent())).collect(),
            consumers: STREAMS.into_iter().flat_map(|name| CONSUMERS.map(|other| ((name, other), absent()))).collect(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Some JSON, so long that segments of the journal are used again.
    fn json(&mut self, name: &str) -> Vec<u8> {
        let (number, length): (u32, usize) = (self.random.random(), self.random.random_range(0..2000));
        format!(r#"{{"name":"{name}","number":{number},"padding":"{}"}}"#, "x".repeat(length)).into_bytes()
    }

    fn act(&mut self) -> Result<(), StoreError> {
        let stream = STREAMS[self.random.random_range(0..STREAMS.len())];
        if self.opened.contains_key(stream) { self.act_on(stream) } else { self.create(stream) }
    }

    fn create(&mut self, stream: &'static str) -> Result<(), StoreError> {
        let json = self.json(stream);
        self.streams.get_mut(stream).unwrap().may_be.push(Some(json.clone()));
        let store = self.directory.create_stream("A", &json, config(stream))?;
        self.opened.insert(stream, Opened { store, consumers: BTreeMap::new() });
        self.streams.get_mut(stream).unwrap().settle();
        Ok(())
    }

    fn act_on(&mut self, stream: &'static str) -> Result<(), StoreError> {
        let expected = self.streams.get_mut(stream).unwrap();
        match self.random.random_range(0..10) {
            0 => {
                expected.may_be.push(None);
                let opened = self.opened.remove(stream).unwrap();
                drop(opened.consumers);
                opened.store.destroy()?;
                self.streams.get_mut(stream).unwrap().settle();
                CONSUMERS.iter().for_each(|consumer| drop(self.consumers.insert((stream, consumer), absent())));
            }
            1 => {
                let json = self.json(stream);
                self.streams.get_mut(stream).unwrap().may_be.push(Some(json.clone()));
                self.opened.get_mut(stream).unwrap().store.update_meta(&json)?;
                self.streams.get_mut(stream).unwrap().settle();
            }
            2..5 => {
                append(&mut *self.opened.get_mut(stream).unwrap().store)?;
                expected.count += 1;
            }
            _ => {
                let consumer = CONSUMERS[self.random.random_range(0..CONSUMERS.len())];
                self.act_on_consumer(stream, consumer)?;
            }
        }
        Ok(())
    }

    fn act_on_consumer(&mut self, stream: &'static str, name: &'static str) -> Result<(), StoreError> {
        let (json, choice) = (self.json(name), self.random.random_range(0..4));
        let opened = self.opened.get_mut(stream).unwrap();
        let expected = self.consumers.get_mut(&(stream, name)).unwrap();
        let Some(mut consumer) = opened.consumers.remove(name) else {
            expected.may_be.push(Some(json.clone()));
            opened.consumers.insert(name, opened.store.consumer(name, &json)?);
            expected.settle();
            return Ok(());
        };
        match choice {
            0 => {
                expected.may_be.push(None);
                consumer.destroy()?;
                expected.settle();
                return Ok(());
            }
            1 => {
                expected.may_be.push(Some(json.clone()));
                consumer.update_meta(&json)?;
                expected.settle();
            }
            _ => {
                let next = consumer.state().delivered.consumer + 1;
                consumer.deliver(AckMode::Explicit, next, next, 1, 5);
                consumer.commit()?.wait()?;
                expected.count = next;
            }
        }
        opened.consumers.insert(name, consumer);
        Ok(())
    }

    /// The power goes and comes back. What is there from then on is what is expected the next time.
    fn crash(mut self, seed: u64) -> Self {
        self.disk = self.disk.crash(seed);
        self.opened.clear();
        self.directory.close();
        self.directory = open(&self.disk, self.cipher);
        let found = self.directory.streams().unwrap();
        for name in STREAMS {
            let found = found.iter().find(|found| found.name == name);
            let meta = found.map(|found| found.meta.clone().unwrap_or_else(|fault| panic!("{seed}: {name}: {fault}")));
            let expected = self.streams.get_mut(name).unwrap();
            assert!(expected.may_be.contains(&meta), "{seed}: {name} is {meta:?}, expected {expected:?}");
            let was_doubtful = expected.may_be.len() > 1;
            let is_there = meta.is_some();
            expected.may_be = vec![meta];
            if is_there {
                self.check_stream(seed, name, was_doubtful);
            } else {
                expected.count = 0;
                CONSUMERS.iter().for_each(|consumer| drop(self.consumers.insert((name, consumer), absent())));
            }
        }
        assert!(crate::disk::Disk::list(&self.disk, Path::new("store/jetstream/A/lost")).is_err(), "{seed}");
        self
    }

    fn check_stream(&mut self, seed: u64, name: &'static str, was_doubtful: bool) {
        let mut store = self.directory.open_stream("A", config(name)).unwrap();
        let expected = self.streams.get_mut(name).unwrap();
        let msgs = store.state().msgs;
        assert!(msgs >= expected.count, "{seed}: {name} has {msgs} messages, expected {}", expected.count);
        assert!((1..=msgs).all(|seq| store.get(seq).is_ok_and(|message| message.payload() == [7; 700])));
        expected.count = msgs;
        let found: BTreeMap<String, Vec<u8>> = store.consumers().into_iter().collect();
        let mut consumers = BTreeMap::new();
        for consumer in CONSUMERS {
            let expected = self.consumers.get_mut(&(name, consumer)).unwrap();
            let meta = found.get(consumer).cloned();
            let is_expected = expected.may_be.contains(&meta);
            assert!(is_expected, "{seed}: {name}/{consumer} is {meta:?}, expected {expected:?} ({was_doubtful})");
            expected.may_be = vec![meta.clone()];
            let Some(json) = meta else {
                expected.count = 0;
                continue;
            };
            let opened = store.consumer(consumer, &json).unwrap();
            assert_eq!(opened.damage(), None, "{seed}: {name}/{consumer}");
            let delivered = opened.state().delivered.consumer;
            assert!(delivered >= expected.count, "{seed}: {name}/{consumer}: {delivered} of {}", expected.count);
            expected.count = delivered;
            consumers.insert(consumer, opened);
        }
        self.opened.insert(name, Opened { store, consumers });
    }
}

#[test]
fn what_was_made_and_removed_is_so_wherever_the_power_goes() {
    for (cipher, seeds) in [(None, 0..60), (Some(Cipher::ChaCha), 60..80)] {
        for seed in seeds {
            let mut life = Life::begin(seed, cipher);
            for round in 0..6 {
                let changes = life.random.random_range(0..300);
                if round % 3 != 2 {
                    life.disk.light_fuse(changes);
                }
                let _ = (0..80).all(|_| life.act().is_ok());
                life = life.crash(seed * 1000 + round);
            }
            life.directory.close();
        }
    }
}

#[test]
fn a_stream_is_open_once() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = StoreDirectory::open(options(scratch.path(), SyncPolicy::Always, None)).unwrap();
    let store = directory.create_stream("A", br#"{"name":"S"}"#, config("S")).unwrap();
    let refused = directory.open_stream("A", config("S")).unwrap_err();
    assert!(matches!(&refused, StoreError::Unusable(reason) if reason.ends_with("is still open")), "{refused}");
    store.close().unwrap();
    let store = directory.open_stream("A", config("S")).unwrap();
    assert!(directory.open_stream("A", config("S")).is_err());
    // One that fails to open is not open.
    assert!(directory.open_stream("B", config("S")).is_ok(), "another account");
    store.destroy().unwrap();
    directory.create_stream("A", br#"{"name":"S"}"#, config("S")).unwrap().close().unwrap();
    directory.close();
}
