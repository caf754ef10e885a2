//! Answers of responders out of any bytes: never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_codecs::ocsp::{ocsp_request, parse_ocsp_response};

fuzz_target!(|bytes: &[u8]| {
    let (serial, answer) = bytes.split_at(bytes.len().min(4));
    let _ = parse_ocsp_response(answer, serial);
    let _ = ocsp_request(answer, answer, serial);
});
