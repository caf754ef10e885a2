//! Blocks of records out of any bytes: never a panic, every record lies within the block, and what is read is written
//! back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_store::format::{BlockReader, Checksum, Record, decompress_block};

fuzz_target!(|bytes: &[u8]| {
    let checksum = Checksum::of_block("S", 1);
    for item in BlockReader::new(bytes, &checksum) {
        match item {
            Ok((offset, record)) => {
                let size = record.size().expect("a record that was read can be written");
                let mut written = Vec::new();
                record.encode(&checksum, &mut written);
                assert_eq!(Record::decode(&written, &checksum).map(|read| read.0), Ok(record));
                assert!(offset + size <= bytes.len());
            }
            Err(fault) => assert!(fault.offset < fault.resumes && fault.resumes <= bytes.len()),
        }
    }
    let _ = decompress_block(bytes);
});
