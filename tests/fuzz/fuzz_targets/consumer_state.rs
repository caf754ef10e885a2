//! `o.dat` out of any bytes: never a panic, and a state that is read is written back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_store::format::{decode_consumer_state, encode_consumer_state};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(state) = decode_consumer_state(bytes) {
        let written = encode_consumer_state(&state);
        let again = decode_consumer_state(&written).expect("what was written is read");
        assert_eq!((again.delivered, again.ack_floor), (state.delivered, state.ack_floor));
        assert_eq!(again.pending.len(), state.pending.len());
    }
});
