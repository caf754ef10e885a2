//! Headers that ask for a message trace, out of any bytes: never a panic, the quick look overlooks none, and a block without the
//! header asks for nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_codecs::system::header;
use troupe_codecs::system::trace::{DESTINATION, DISABLED, may_ask, read};

fuzz_target!(|block: &[u8]| {
    if let Some((_, headers)) = read(block) {
        assert!(may_ask(block, true));
        assert!(!headers.is_empty());
    }
    for changed in [header::set(block, DESTINATION, DISABLED), header::replace(block, DESTINATION, DISABLED)] {
        let _ = read(&changed);
        assert!(may_ask(&changed, false));
    }
});
