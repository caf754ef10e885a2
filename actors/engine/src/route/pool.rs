//! Which connection of a pool carries an account.

/// Place in a pool of `size` connections, the same on every server: the FNV-1a hash of the account's name.
#[must_use]
pub fn pool_index(size: i64, account: &str) -> usize {
    let Some(size) = u32::try_from(size).ok().filter(|size| *size > 1) else { return 0 };
    let hash = account.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash % size) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_the_places_of_nats_server() {
        // ACC was seen on the connection with index 1 of 3 between two nats-servers.
        assert_eq!(pool_index(3, "ACC"), 1);
        // The published test vectors of 32-bit FNV-1a: "" 811c9dc5, "a" e40c292c, "foobar" bf9cf968.
        assert_eq!(pool_index(1000, ""), 0x811c_9dc5 % 1000);
        assert_eq!(pool_index(1000, "a"), 0xe40c_292c % 1000);
        assert_eq!(pool_index(1000, "foobar"), 0xbf9c_f968 % 1000);
        for size in [-1, 0, 1] {
            assert_eq!(pool_index(size, "ACC"), 0);
        }
    }
}
