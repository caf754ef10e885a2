//! `index.db` and the timers' files out of any bytes: never a panic, and an index that is read is written back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_store::format::{IndexFile, SequenceSet, decode_deadlines, decode_schedules, decode_sources};

fuzz_target!(|bytes: &[u8]| {
    if let Some(index) = IndexFile::decode(bytes) {
        assert_eq!(IndexFile::decode(&index.encode()), Some(index));
    }
    if let Some((set, _)) = SequenceSet::decode(bytes) {
        let mut written = Vec::new();
        set.encode(&mut written);
        assert_eq!(SequenceSet::decode(&written).map(|read| read.0), Some(set));
    }
    let _ = (decode_deadlines(bytes), decode_schedules(bytes), decode_sources(bytes));
});
