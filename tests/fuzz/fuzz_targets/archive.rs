//! Archives of streams out of any bytes, packed or not: never a panic, and no end without an end.

#![no_main]

use std::io::{Cursor, Read, Write};

use libfuzzer_sys::fuzz_target;
use troupe_store::{Archive, open_archive};

fn read(bytes: Vec<u8>) {
    match open_archive(Cursor::new(bytes)) {
        Ok(Archive::Messages(mut archive)) => while let Ok(Some(_)) = archive.next_entry() {},
        Ok(Archive::Files(files)) => drop(files.take(1 << 20).read_to_end(&mut Vec::new())),
        Err(_) => {}
    }
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes.to_vec());
    let mut packer = minlz::s2::Writer::new(b"".to_vec());
    packer
        .write_all(b"NATSARC1")
        .and_then(|()| packer.write_all(bytes))
        .and_then(|()| packer.flush())
        .expect("in memory");
    read(packer.get_ref().clone());
});
