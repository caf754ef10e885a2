//! How large blocks become.

use crate::StoreConfig;

const MIB: u64 = 1024 * 1024;
const LARGE: u64 = 8 * MIB;
const MEDIUM: u64 = 4 * MIB;
const ENCRYPTED: u64 = 2 * MIB;
const SMALLEST: u64 = 32_000;
/// Tests store little, and are to have many blocks.
#[cfg(test)]
const IN_TESTS: u64 = 2_000;

/// Returns the size from which a block is not written on, as nats-server chooses it.
pub(super) fn block_size(config: &StoreConfig, is_encrypted: bool) -> u64 {
    let by_messages = config.max_msgs.zip(config.max_msg_size).map(|(msgs, size)| msgs.saturating_mul(size));
    let size = match config.max_bytes.or(by_messages) {
        Some(most) => of_limit(most),
        None if config.max_msgs_per_subject.is_some() => MEDIUM,
        None if config.leaves_when_consumed => MEDIUM,
        None => LARGE,
    };
    let size = if is_encrypted { size.min(ENCRYPTED) } else { size };
    #[cfg(test)]
    let size = size.min(IN_TESTS);
    size
}

/// A quarter of the limit, within bounds; the sizes between them are all one.
fn of_limit(most: u64) -> u64 {
    let quarter = most / 4 + 1;
    let rounded = quarter.div_ceil(100) * 100;
    match rounded {
        0..=SMALLEST => SMALLEST,
        size if size >= LARGE => LARGE,
        _ => MEDIUM,
    }
}
