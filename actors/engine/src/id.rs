//! Names made of chance: the server's keys, nonces, unique identifiers. And a short form of names that were given.

use std::cell::RefCell;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, XKey};
use nuid::NUID;
use rand::RngCore;
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 11;
/// Letters of a server's name in its short form.
const SHORT_NAME: usize = 8;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Keys of one server process. Their public parts are `server_id` and `xkey` of INFO.
pub struct ServerIdentity {
    server: KeyPair,
    curve: XKey,
}

impl ServerIdentity {
    /// New keys.
    #[must_use]
    pub fn generate() -> Self {
        Self { server: KeyPair::new_server(), curve: XKey::new() }
    }

    /// Server id: public nkey, 56 characters, starts with `N`.
    #[must_use]
    pub fn server_id(&self) -> String {
        self.server.public_key()
    }

    /// Public curve key for sealed messages, 56 characters, starts with `X`.
    #[must_use]
    pub fn xkey(&self) -> String {
        self.curve.public_key()
    }

    /// Key that signs.
    #[must_use]
    pub fn signing_key(&self) -> &KeyPair {
        &self.server
    }

    /// Key that seals and opens.
    #[must_use]
    pub fn curve_key(&self) -> &XKey {
        &self.curve
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("server_id", &self.server_id()).finish_non_exhaustive()
    }
}

/// What a client signs: 11 random bytes as 15 characters of URL base64.
#[must_use]
pub fn nonce() -> String {
    let mut bytes = [0; NONCE_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Unique identifier of 22 letters and digits. Each thread counts on its own, so that none waits.
#[must_use]
pub fn nuid() -> String {
    thread_local! {
        static GENERATOR: RefCell<NUID> = const { RefCell::new(NUID::new()) };
    }
    GENERATOR.with_borrow_mut(|generator| generator.next().to_string())
}

/// Short form of a server's name, as subjects between servers have it.
#[must_use]
pub fn short_name(name: &str) -> String {
    let hash = Sha256::digest(name);
    hash.iter().take(SHORT_NAME).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_shortened_as_by_nats_server() {
        // Seen in the reply subject of a measured request that a nats-server of this name had sent on.
        assert_eq!(short_name("l0"), "AXASfunG");
    }

    #[test]
    fn keys_have_their_prefix() {
        let identity = ServerIdentity::generate();
        let (id, xkey) = (identity.server_id(), identity.xkey());
        assert!(id.len() == 56 && id.starts_with('N'), "{id}");
        assert!(xkey.len() == 56 && xkey.starts_with('X'), "{xkey}");
        assert_ne!(id, ServerIdentity::generate().server_id());
        assert!(!format!("{identity:?}").contains(&identity.signing_key().seed().expect("a seed")));
    }

    #[test]
    fn nonces_and_identifiers_do_not_repeat() {
        let nonces: HashSet<_> = (0..1000).map(|_| nonce()).collect();
        assert!(nonces.len() == 1000 && nonces.iter().all(|nonce| nonce.len() == 15));
        let here = (0..1000).map(|_| nuid()).collect::<HashSet<_>>();
        let there = std::thread::spawn(|| (0..1000).map(|_| nuid()).collect::<HashSet<_>>()).join().expect("no panic");
        assert!(here.len() == 1000 && there.len() == 1000 && here.is_disjoint(&there));
        assert!(here.iter().all(|id| id.len() == 22 && id.bytes().all(|b| b.is_ascii_alphanumeric())));
    }
}
