//! Streams through archives.

use std::io::Cursor;
use std::time::Duration;

use proptest::prelude::*;

use super::stores::{Files, memory, options};
use crate::{
    Archive, ArchiveEntry, BackupWriter, NewMessage, StoreConfig, StoreError, StreamStore, SubjectFilter, SyncPolicy,
    Ttl, open_archive,
};

fn config() -> StoreConfig {
    StoreConfig { name: "S".to_owned(), allow_msg_ttl: true, ..StoreConfig::default() }
}

fn filled(mut store: Box<dyn StreamStore>) -> Box<dyn StreamStore> {
    for number in 0..500_i64 {
        let (subject, payload) = (format!("s.{}", number % 7), vec![number as u8; number as usize * 3]);
        let headers: &[u8] = if number % 2 == 0 { b"NATS/1.0\r\nNats-TTL: 100\r\n\r\n" } else { b"" };
        let ttl = if number % 2 == 0 { Ttl::Seconds(100) } else { Ttl::Limits };
        let message =
            NewMessage { subject: subject.as_bytes(), headers, payload: &payload, time_ns: 1_000 + number, ttl };
        store.append(&message).unwrap();
    }
    for seq in [1, 2, 50, 51, 499, 500] {
        store.remove(seq, false).unwrap();
    }
    store
}

fn archive(store: &mut dyn StreamStore) -> Vec<u8> {
    let consumers = [("C".to_owned(), b"{\"config\":{}}".to_vec())];
    let mut writer = BackupWriter::begin(store, b"{\"messages\":494}", &consumers, 5).unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = writer.next_piece(store, 10_000).unwrap() {
        assert!(piece.len() <= 10_000);
        bytes.extend(piece);
    }
    bytes
}

fn restore(bytes: Vec<u8>, now_ns: i64) -> Result<(Box<dyn StreamStore>, Vec<ArchiveEntry>), StoreError> {
    let Archive::Messages(mut archive) = open_archive(Cursor::new(bytes))? else {
        return Err(StoreError::Unusable("not of version 2".to_owned()));
    };
    let (mut store, mut others) = (memory(&config()), Vec::new());
    archive.restore(&mut *store, now_ns, &mut |entry| {
        others.push(entry);
        Ok(())
    })?;
    let next = store.state().last_seq + 1;
    store.skip(next, 501_u64.saturating_sub(next), now_ns)?;
    Ok((store, others))
}

#[test]
fn streams_come_back() {
    let root = tempfile::tempdir().unwrap();
    let files = Files::new(options(root.path(), SyncPolicy::Every(Duration::from_secs(60)), None));
    let mut store = filled(files.create(&config()));
    let bytes = archive(&mut *store);
    let (mut restored, others) = restore(bytes.clone(), 2_000).unwrap();
    assert_eq!(others.len(), 2);
    assert!(matches!(&others[1], ArchiveEntry::Consumer(name, _) if name == "C"));
    let (old, new) = (store.state(), restored.state());
    assert_eq!((old.msgs, old.first_seq, old.last_seq), (new.msgs, new.first_seq, new.last_seq));
    let mut from = 0;
    while let Some(message) = store.next(&SubjectFilter::all(), from).unwrap() {
        assert_eq!(restored.get(message.seq).unwrap(), message);
        from = message.seq + 1;
    }
    let (late, _) = restore(bytes, 200_000_000_000).unwrap();
    assert_eq!((late.state().msgs, late.state().last_seq), (247, 500), "what expired meanwhile is skipped");
}

#[test]
fn cut_archives_are_refused() {
    let bytes = archive(&mut *filled(memory(&config())));
    for cut in (0..bytes.len()).step_by(bytes.len() / 40) {
        assert!(restore(bytes[..cut].to_vec(), 0).is_err(), "{cut} of {}", bytes.len());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut packer = minlz::s2::Writer::new(Vec::new());
        std::io::Write::write_all(&mut packer, &[b"NATSARC1", &bytes[..]].concat()).unwrap();
        std::io::Write::flush(&mut packer).unwrap();
        let _ = restore(packer.get_ref().clone(), 0);
        let _ = restore(bytes, 0);
    }
}
