//! `index.db` and the timers' files out of any bytes: never a panic, and an index that is read is written back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_store::format::{
    BlockMarks, Checksum, IndexFile, SequenceSet, decode_deadlines, decode_schedules, decode_sources, unpacked_size,
};

fuzz_target!(|bytes: &[u8]| {
    if let Some(index) = IndexFile::decode(bytes) {
        assert_eq!(IndexFile::decode(&index.encode()), Some(index));
    }
    if let Some((set, _)) = SequenceSet::decode(bytes) {
        let mut written = Vec::new();
        set.encode(&mut written);
        assert_eq!(SequenceSet::decode(&written).map(|read| read.0), Some(set));
    }
    let checksum = Checksum::named("S");
    // A checksum that is right lets it further in.
    let signed = [bytes, &checksum.of(&[bytes])].concat();
    if let Some(marks) = BlockMarks::decode(&signed, &checksum) {
        assert_eq!(marks.encode(&checksum), signed);
    }
    let _ = (decode_deadlines(bytes), decode_schedules(bytes), decode_sources(bytes), unpacked_size(bytes));
});
