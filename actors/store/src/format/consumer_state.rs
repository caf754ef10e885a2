//! `o.dat`: the state of a consumer.

use super::varint::{self, Cursor};
use crate::{ConsumerState, PendingMessage, SequencePair, StoreError};

const MAGIC: u8 = 22;
const VERSION: u8 = 2;
const SECOND_NS: i64 = 1_000_000_000;

/// Encodes a state.
#[must_use]
pub fn encode_consumer_state(state: &ConsumerState) -> Vec<u8> {
    let mut out = vec![MAGIC, VERSION];
    let (floor, delivered) = (state.ack_floor, state.delivered);
    for value in [floor.consumer, floor.stream, delivered.consumer, delivered.stream] {
        varint::put(&mut out, value);
    }
    varint::put(&mut out, state.pending.len() as u64);
    if !state.pending.is_empty() {
        let base = state.pending.values().map(|pending| pending.time_ns / SECOND_NS).max().unwrap_or(0);
        varint::put_signed(&mut out, base);
        for (seq, pending) in &state.pending {
            varint::put(&mut out, seq.wrapping_sub(floor.stream));
            varint::put(&mut out, pending.consumer_seq.wrapping_sub(floor.consumer));
            varint::put_signed(&mut out, base - pending.time_ns / SECOND_NS);
        }
    }
    varint::put(&mut out, state.redelivered.len() as u64);
    for (seq, count) in &state.redelivered {
        varint::put(&mut out, seq.wrapping_sub(floor.stream));
        varint::put(&mut out, *count);
    }
    out
}

/// Decodes a state.
///
/// # Errors
///
/// `CorruptConsumerState` for anything else.
pub fn decode_consumer_state(bytes: &[u8]) -> Result<ConsumerState, StoreError> {
    let state = decode(bytes).ok_or(StoreError::CorruptConsumerState)?;
    state.check()?;
    Ok(state)
}

fn decode(bytes: &[u8]) -> Option<ConsumerState> {
    let mut cursor = Cursor::new(bytes);
    let (magic, version) = (cursor.byte()?, cursor.byte()?);
    if magic != MAGIC || !(1..=VERSION).contains(&version) {
        return None;
    }
    let ack_floor = SequencePair { consumer: cursor.unsigned()?, stream: cursor.unsigned()? };
    let mut delivered = SequencePair { consumer: cursor.unsigned()?, stream: cursor.unsigned()? };
    if version == 1 {
        // The old version wrote what comes next.
        if ack_floor.consumer > 1 {
            delivered.consumer = delivered.consumer.wrapping_add(ack_floor.consumer).wrapping_sub(1);
        }
        if ack_floor.stream > 1 {
            delivered.stream = delivered.stream.wrapping_add(ack_floor.stream).wrapping_sub(1);
        }
    }
    let mut state = ConsumerState { delivered, ack_floor, ..ConsumerState::default() };
    let num_pending = cursor.count(2)?;
    if num_pending > 0 {
        let base = cursor.signed()?;
        for _ in 0..num_pending {
            let seq = cursor.unsigned()?.wrapping_add(ack_floor.stream);
            let consumer_seq = if version == 1 { seq } else { cursor.unsigned()?.wrapping_add(ack_floor.consumer) };
            let offset = cursor.signed()?;
            if seq == 0 {
                return None;
            }
            let seconds = if version == 1 { base.wrapping_add(offset) } else { base.wrapping_sub(offset) };
            let time_ns = seconds.saturating_mul(SECOND_NS);
            state.pending.insert(seq, PendingMessage { consumer_seq, time_ns });
        }
    }
    for _ in 0..cursor.count(2)? {
        let seq = cursor.unsigned()?.wrapping_add(ack_floor.stream);
        state.redelivered.insert(seq, cursor.unsigned()?);
    }
    Some(state)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn states_come_back(
            floor in (0..1000_u64, 0..1000_u64),
            ahead in (0..1000_u64, 0..1000_u64),
            pending in prop::collection::btree_map(1..2000_u64, (1..3000_u64, 0..2_000_000_000_i64), 0..40),
            redelivered in prop::collection::btree_map(1..2000_u64, 1..9_u64, 0..10),
        ) {
            let pending = pending.into_iter().map(|(seq, (consumer_seq, seconds))| {
                (seq + floor.1, PendingMessage { consumer_seq, time_ns: seconds * SECOND_NS })
            });
            let state = ConsumerState {
                ack_floor: SequencePair { consumer: floor.0, stream: floor.1 },
                delivered: SequencePair { consumer: floor.0 + ahead.0, stream: floor.1 + ahead.1 + 1 },
                pending: pending.collect(),
                redelivered,
            };
            let bytes = encode_consumer_state(&state);
            prop_assert_eq!(decode_consumer_state(&bytes).ok(), Some(state));
        }

        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode_consumer_state(&[&[22, 2], &bytes[..]].concat());
        }
    }
}
