//! What was acknowledged is there after the power went, whatever the disk forgot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::simulated_disk::SimulatedDisk;
use super::stores::options;
use crate::{
    AckMode, ConsumerStore, NewMessage, Purge, StoreConfig, StoreDirectory, StoreError, StreamStore, SubjectFilter,
    SyncPolicy, Ttl,
};

const META: &[u8] = br#"{"name":"S"}"#;
const MAX_BYTES: u64 = 100_000;
const CONSUMER: &[u8] = br#"{"name":"C"}"#;

/// A stream with a consumer on a simulated disk, and what was acknowledged of it.
struct Life {
    disk: SimulatedDisk,
    directory: StoreDirectory,
    store: Box<dyn StreamStore>,
    consumer: Box<dyn ConsumerStore>,
    /// Acknowledged messages that were not removed.
    kept: BTreeMap<u64, Vec<u8>>,
    removed: BTreeSet<u64>,
    last_acknowledged: u64,
    /// Bytes of messages that are not acknowledged yet.
    attempted: u64,
    delivered: u64,
    now_ns: i64,
    random: StdRng,
}

fn config() -> StoreConfig {
    // Blocks of 2 KB: enough of them come and go.
    StoreConfig { name: "S".to_owned(), max_bytes: Some(MAX_BYTES), ..StoreConfig::default() }
}

fn open(disk: &SimulatedDisk, sync: SyncPolicy) -> StoreDirectory {
    let options = options(Path::new("store"), sync, None);
    let directory = StoreDirectory::open_on(Arc::new(disk.clone()), options).unwrap();
    assert_eq!(directory.notes(), [] as [&str; 0], "nobody else was there");
    directory
}

impl Life {
    fn begin(seed: u64, sync: SyncPolicy) -> Self {
        let disk = SimulatedDisk::default();
        let directory = open(&disk, sync);
        let mut store = directory.create_stream("A", META, config()).unwrap();
        let consumer = store.consumer("C", CONSUMER).unwrap();
        Self {
            disk,
            directory,
            store,
            consumer,
            kept: BTreeMap::new(),
            removed: BTreeSet::new(),
            last_acknowledged: 0,
            attempted: 0,
            delivered: 0,
            now_ns: 1,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Does things, and takes note of those that are acknowledged, until the power goes or enough was done.
    fn live(&mut self, rounds: usize) {
        let _ = (0..rounds).all(|_| self.live_a_round().is_ok());
        // What nobody waited for may be lost, and must not harm.
        for _ in 0..self.random.random_range(0..5) {
            let message = NewMessage { subject: b"s.y", headers: b"", payload: b"z", time_ns: 2, ttl: Ttl::Limits };
            if self.store.append(&message).and_then(|_| self.store.commit()).is_err() {
                break;
            }
        }
        let first_seq = self.store.state().first_seq;
        self.kept = self.kept.split_off(&first_seq);
    }

    fn live_a_round(&mut self) -> Result<(), StoreError> {
        let mut added = Vec::new();
        for _ in 0..self.random.random_range(1..8) {
            let size = self.random.random_range(0..900);
            let payload: Vec<u8> = (0..size).map(|_| self.random.random()).collect();
            let message = NewMessage { subject: b"s.x", headers: b"", payload: &payload, time_ns: 1, ttl: Ttl::Limits };
            self.attempted += payload.len() as u64 + 33;
            added.push((self.store.append(&message)?, payload));
        }
        // Until the removal is acknowledged, the message may be there or not.
        let mut doomed = Vec::new();
        if self.random.random_bool(0.4) {
            doomed.extend(self.some_kept());
        }
        if let Some(victim) = doomed.first() {
            self.kept.remove(victim);
            let erase = self.random.random_bool(0.2);
            self.store.remove(*victim, erase)?;
        }
        self.deliver();
        if self.random.random_bool(0.01) {
            doomed.extend(std::mem::take(&mut self.kept).into_keys());
            doomed.extend(added.drain(..).map(|(seq, _)| seq));
            self.store.purge(&Purge { filter: SubjectFilter::all(), before_seq: 0, keep: 0 })?;
        }
        if self.random.random_bool(0.2) {
            self.now_ns += self.random.random_range(0..100_000_000_000);
            self.store.maintain(self.now_ns)?;
        }
        self.consumer.commit()?;
        self.store.commit()?.wait()?;
        self.attempted = 0;
        self.kept.extend(added);
        self.removed.extend(doomed);
        let first_seq = self.store.state().first_seq;
        self.kept = self.kept.split_off(&first_seq);
        self.last_acknowledged = self.store.state().last_seq;
        self.delivered = self.consumer.state().delivered.consumer;
        Ok(())
    }

    fn some_kept(&mut self) -> Option<u64> {
        let nth = self.random.random_range(0..self.kept.len().max(1));
        self.kept.keys().nth(nth).copied()
    }

    fn deliver(&mut self) {
        let next = self.consumer.state().delivered.consumer + 1;
        self.consumer.deliver(AckMode::Explicit, next, next, 1, 5);
        if next > 3 {
            self.consumer.acknowledge(AckMode::Explicit, next - 3, next - 3);
        }
    }

    /// The power goes and comes back. Returns what is missing.
    fn crash(mut self, seed: u64, sync: SyncPolicy) -> (Self, Vec<String>) {
        let disk = self.disk.crash(seed);
        drop((self.store, self.consumer));
        self.directory.close();
        self.directory = open(&disk, sync);
        self.disk = disk;
        let mut faults = Vec::new();
        let dump = dump(&self.disk);
        let found = self.directory.streams().unwrap();
        if found.len() != 1 || found[0].meta.as_deref() != Ok(META) {
            faults.push(format!("stream: {found:?}"));
            self.store = self
                .directory
                .create_stream("A", META, config())
                .unwrap_or_else(|_| crate::MemoryStore::open(config()));
        } else {
            self.store = self.directory.open_stream("A", config()).unwrap();
        }
        self.consumer = self.store.consumer("C", CONSUMER).unwrap();
        let state = self.store.state();
        if state.last_seq < self.last_acknowledged {
            faults.push(format!("last is {}, was {}", state.last_seq, self.last_acknowledged));
        }
        // A removal that was not acknowledged may be undone, and then the limit lets older messages leave. So it does for
        // messages on their way that were lost themselves.
        let newest_gone = self.kept.range(..state.first_seq).next_back();
        let has_no_room = |payload: &Vec<u8>| state.bytes + payload.len() as u64 + 33 + self.attempted > MAX_BYTES;
        if newest_gone.is_some_and(|(_, payload)| has_no_room(payload)) {
            self.kept = self.kept.split_off(&state.first_seq);
        }
        for (seq, payload) in &self.kept {
            match self.store.get(*seq) {
                Ok(message) if message.payload() == &payload[..] => {}
                other => faults.push(format!("message {seq}: {:?}", other.map(|_| "differs"))),
            }
        }
        let back = self.removed.iter().filter(|seq| self.store.get(**seq).is_ok());
        faults.extend(back.map(|seq| format!("removed {seq} is back")));
        if state.lost_msgs > 0 || state.lost_bytes > 0 {
            faults.push(format!("{} messages and {} bytes are said to be lost", state.lost_msgs, state.lost_bytes));
        }
        if let Some(damage) = self.consumer.damage() {
            faults.push(format!("state of the consumer: {damage}"));
        }
        let delivered = self.consumer.state().delivered.consumer;
        if delivered < self.delivered {
            faults.push(format!("consumer delivered {delivered}, was {}", self.delivered));
        }
        if !faults.is_empty() {
            eprintln!("{dump}\nAFTER\n{}", self::dump(&self.disk));
        }
        // Unacknowledged messages that survived are kept from now on.
        let mut from = self.last_acknowledged + 1;
        while let Ok(Some(message)) = self.store.next(&SubjectFilter::all(), from) {
            from = message.seq + 1;
            self.kept.insert(message.seq, message.payload().to_vec());
        }
        self.last_acknowledged = state.last_seq;
        self.attempted = 0;
        (self, faults)
    }
}

/// Tells what is in the files of the blocks: with the seed, that is what a failure is to be understood by.
fn dump(disk: &SimulatedDisk) -> String {
    let root = Path::new("store/jetstream/A/streams/S/msgs");
    let mut out = String::new();
    for (name, _) in crate::disk::Disk::list(disk, root).unwrap_or_default() {
        let bytes = crate::disk::Disk::read(disk, &root.join(&name)).unwrap();
        out += &format!("{name} {}:", bytes.len());
        if let Some(index) = name.strip_suffix(".blk").and_then(|index| index.parse().ok()) {
            let checksum = crate::format::Checksum::of_block("S", index);
            for item in crate::format::BlockReader::new(&bytes, &checksum) {
                match item {
                    Ok((at, record)) => out += &format!(" {at}:{:?}{}", record.kind, record.seq),
                    Err(fault) => out += &format!(" {fault:?}"),
                }
            }
        }
        out += "\n";
    }
    out
}

#[test]
fn nothing_acknowledged_is_lost() {
    for seed in 0..20 {
        let mut life = Life::begin(seed, SyncPolicy::Always);
        for round in 0..6 {
            life.live(20);
            let (next, faults) = life.crash(seed * 1000 + round, SyncPolicy::Always);
            assert!(faults.is_empty(), "seed {seed} round {round}: {faults:#?}");
            life = next;
        }
        life.directory.close();
    }
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_goes() {
    for seed in 100..160 {
        let mut life = Life::begin(seed, SyncPolicy::Always);
        for round in 0..4 {
            let changes = life.random.random_range(0..400);
            life.disk.light_fuse(changes);
            life.live(40);
            let (next, faults) = life.crash(seed * 1000 + round, SyncPolicy::Always);
            assert!(faults.is_empty(), "seed {seed} round {round} after {changes} changes: {faults:#?}");
            life = next;
        }
        life.directory.close();
    }
}

#[test]
fn a_lazy_store_loses_what_was_not_synced() {
    let sync = SyncPolicy::Every(Duration::from_secs(3600));
    let lost = (0..10).filter(|seed| {
        let mut life = Life::begin(*seed, sync);
        life.live(20);
        let (life, faults) = life.crash(*seed, sync);
        life.directory.close();
        !faults.is_empty()
    });
    assert!(lost.count() > 0, "the simulated disk forgets nothing");
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let mut life = Life::begin(1, SyncPolicy::Always);
    life.live(5);
    life.disk.limit(Some(3_000));
    let payload = [7; 600];
    let message = NewMessage { subject: b"s", headers: b"", payload: &payload, time_ns: 3, ttl: Ttl::Limits };
    let mut refused = false;
    for _ in 0..40 {
        let outcome = life.store.append(&message).and_then(|_| life.store.commit()).and_then(|done| done.wait());
        refused |= outcome.is_err();
    }
    assert!(refused, "the disk took more than it had room for");
    let last = life.store.state().last_seq;
    assert!(life.store.get(last).is_ok(), "it stays readable");
    life.disk.limit(None);
    life.store.commit().and_then(|done| done.wait()).unwrap();
    let seq = life.store.append(&message).unwrap();
    life.store.commit().unwrap().wait().unwrap();
    let all: BTreeMap<u64, Vec<u8>> = (life.store.state().first_seq..=seq)
        .filter_map(|seq| life.store.get(seq).ok().map(|message| (seq, message.payload().to_vec())))
        .collect();
    life.kept = all;
    life.last_acknowledged = seq;
    let (life, faults) = life.crash(9, SyncPolicy::Always);
    assert!(faults.is_empty(), "{faults:#?}");
    life.directory.close();
}

#[test]
fn failed_syncs_are_not_acknowledged_and_tried_again() {
    let mut life = Life::begin(2, SyncPolicy::Always);
    life.live(5);
    life.disk.fail_syncs(true);
    let message = NewMessage { subject: b"s", headers: b"", payload: b"precious", time_ns: 3, ttl: Ttl::Limits };
    let seq = life.store.append(&message).unwrap();
    assert!(life.store.commit().unwrap().wait().is_err());
    assert!(life.directory.health().is_err());
    life.disk.fail_syncs(false);
    while life.directory.health().is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    life.kept.insert(seq, b"precious".to_vec());
    life.last_acknowledged = seq;
    let (life, faults) = life.crash(4, SyncPolicy::Always);
    assert!(faults.is_empty(), "{faults:#?}");
    life.directory.close();
}

#[test]
fn damage_is_reported_and_kept_aside() {
    for bit in (0..3000).step_by(97) {
        let mut life = Life::begin(3, SyncPolicy::Always);
        life.live(3);
        let path = PathBuf::from("store/jetstream/A/streams/S/msgs/1.blk");
        let before = life.store.state();
        life.directory.close();
        drop(life.store);
        life.disk.damage(&path, bit);
        life.directory = open(&life.disk, SyncPolicy::Always);
        life.store = life.directory.open_stream("A", config()).unwrap();
        let state = life.store.state();
        assert_eq!(state.last_seq, before.last_seq, "sequences are not given twice");
        let unreadable = (1..=before.last_seq).filter(|seq| life.store.get(*seq).is_err()).count();
        assert!(unreadable <= 1 + (before.last_seq - before.msgs) as usize, "bit {bit}: only one message suffers");
        if state.lost_msgs > 0 {
            let kept = life.disk_list("store/jetstream/A/streams/S/lost");
            assert!(!kept.is_empty(), "bit {bit}: what was damaged is kept");
        }
        life.directory.close();
    }
}

#[test]
fn a_torn_end_is_no_damage_and_damage_is_no_torn_end() {
    let path = PathBuf::from("store/jetstream/A/streams/S/msgs/1.blk");
    for (flipped_from_end, is_damage) in [(100, true), (0, false)] {
        let mut life = Life::begin(5, SyncPolicy::Always);
        life.live(2);
        life.directory.close();
        let before = life.store.state();
        let mut bytes = crate::disk::Disk::read(&life.disk, &path).unwrap();
        if is_damage {
            life.disk.damage(&path, (bytes.len() - flipped_from_end) * 8);
        } else {
            // Two records that were never acknowledged, each torn.
            bytes.extend([7; 300]);
            bytes.extend(bytes[..200].to_vec());
            bytes.extend([9; 60]);
            life.disk.put(&path, bytes);
        }
        life.directory = open(&life.disk, SyncPolicy::Always);
        life.store = life.directory.open_stream("A", config()).unwrap();
        let state = life.store.state();
        assert_eq!(state.last_seq, before.last_seq);
        assert_eq!(state.lost_msgs > 0, is_damage, "{state:?}");
        assert_eq!(life.disk_list("store/jetstream/A/streams/S/lost").is_empty(), !is_damage);
        life.directory.close();
    }
}

#[test]
fn a_damaged_state_of_a_consumer_is_kept_aside() {
    let mut life = Life::begin(6, SyncPolicy::Always);
    life.live(4);
    drop((life.store, life.consumer));
    life.directory.close();
    let path = PathBuf::from("store/jetstream/A/streams/S/obs/C/o.dat");
    life.disk.damage(&path, 3);
    life.directory = open(&life.disk, SyncPolicy::Always);
    life.store = life.directory.open_stream("A", config()).unwrap();
    assert_eq!(life.store.consumers().len(), 1);
    life.consumer = life.store.consumer("C", CONSUMER).unwrap();
    assert!(life.consumer.damage().is_some_and(|damage| damage.contains("corrupt consumer state")));
    assert_eq!(life.consumer.state().delivered.consumer, 0);
    let kept: Vec<_> =
        crate::disk::Disk::list(&life.disk, Path::new("store/jetstream/A/streams/S/lost")).unwrap_or_default();
    assert_eq!(kept, [("C.o.dat.0".to_owned(), false)]);
    life.directory.close();
}

#[test]
fn configurations_change_wholly_or_not_at_all() {
    let (old, new) = (META, &br#"{"name":"S","description":"another"}"#[..]);
    for fuse in 0..40 {
        let mut life = Life::begin(fuse, SyncPolicy::Always);
        life.disk.light_fuse(fuse as usize);
        let is_changed = life.store.update_meta(new).is_ok();
        let is_made = life.store.consumer("D", CONSUMER).is_ok();
        let disk = life.disk.crash(fuse);
        drop((life.store, life.consumer));
        life.directory.close();
        life.directory = open(&disk, SyncPolicy::Always);
        let found = life.directory.streams().unwrap();
        let meta = found[0].meta.as_deref();
        assert!(meta == Ok(new) || (meta == Ok(old) && !is_changed), "after {fuse} changes: {found:?}");
        life.store = life.directory.open_stream("A", config()).unwrap();
        let names: Vec<String> = life.store.consumers().into_iter().map(|(name, _)| name).collect();
        assert!(names == ["C", "D"] || (names == ["C"] && !is_made), "after {fuse} changes: {names:?}");
        life.directory.close();
    }
}

#[test]
fn a_configuration_that_could_not_be_written_is_not_there_later() {
    let mut life = Life::begin(8, SyncPolicy::Always);
    life.live(2);
    life.disk.fail_syncs(true);
    assert!(life.store.update_meta(br#"{"name":"S","description":"refused"}"#).is_err());
    assert!(life.consumer.update_meta(br#"{"name":"C","description":"refused"}"#).is_err());
    life.disk.fail_syncs(false);
    while life.directory.health().is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    life.store.commit().unwrap().wait().unwrap();
    let (life, faults) = life.crash(8, SyncPolicy::Always);
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(life.store.consumers(), [("C".to_owned(), CONSUMER.to_vec())]);
    life.directory.close();
}

impl Life {
    fn disk_list(&self, path: &str) -> Vec<(String, bool)> {
        crate::disk::Disk::list(&self.disk, Path::new(path)).unwrap_or_default()
    }
}
