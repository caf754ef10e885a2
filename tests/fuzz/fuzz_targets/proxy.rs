//! PROXY protocol headers out of any bytes: never a panic, a header lies within the bytes and does not depend on what
//! follows it, and fewer bytes are either not enough or already say the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_codecs::proxy::{MAX_HEADER, ProxyPrefix, decode};

fuzz_target!(|bytes: &[u8]| {
    let whole = decode(bytes);
    if let Ok(ProxyPrefix::Header { len, .. }) = whole {
        assert!(len <= bytes.len() && len <= MAX_HEADER);
        assert_eq!(decode(&bytes[..len]), whole);
    }
    for cut in 0..bytes.len() {
        match decode(&bytes[..cut]) {
            Ok(ProxyPrefix::Incomplete(missing)) => drop(missing.text()),
            early => assert_eq!(early, whole, "{cut} of {} bytes", bytes.len()),
        }
    }
});
