//! The directory of a cache: tokens of accounts that are used.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use troupe_codecs::jwt::AccountClaims;
use troupe_codecs::jwt::claims::end_of;
use troupe_engine::options::trust::{CacheResolver, Token};

use super::store;

/// Most time between two looks at what has ended.
const MAX_SWEEP: Duration = Duration::from_secs(60);

/// A token that is kept.
#[derive(Debug)]
struct Item {
    /// When it goes; `None` is when others need the room.
    end: Option<SystemTime>,
    /// Number of its last use.
    used: u64,
}

/// Which tokens are kept, and for how long.
#[derive(Debug)]
pub(super) struct Cache {
    resolver: CacheResolver,
    items: HashMap<String, Item>,
    /// Accounts by the number of their last use.
    by_use: BTreeMap<u64, String>,
    num_uses: u64,
}

impl Cache {
    /// Opens the directory, which is made where it is missing.
    pub(super) fn open(resolver: &CacheResolver, now: SystemTime) -> io::Result<Self> {
        fs::create_dir_all(&resolver.directory)?;
        let mut cache =
            Self { resolver: resolver.clone(), items: HashMap::new(), by_use: BTreeMap::new(), num_uses: 0 };
        for token in store::read(&resolver.directory) {
            cache.note(&token, now);
        }
        Ok(cache)
    }

    /// The settings it was opened with.
    pub(super) fn resolver(&self) -> &CacheResolver {
        &self.resolver
    }

    /// The token of an account, where it is kept. That is a use of it.
    pub(super) fn load(&mut self, account: &str, now: SystemTime) -> Option<Token<AccountClaims>> {
        self.items.get(account)?;
        let token = store::load(&self.resolver.directory, account)?;
        self.note(&token, now);
        Some(token)
    }

    /// Keeps a token. The one that was not used for longest makes room.
    pub(super) fn keep(&mut self, token: &Token<AccountClaims>, now: SystemTime) -> io::Result<()> {
        let is_new = !self.items.contains_key(&token.claims.sub);
        while is_new && self.items.len() >= self.resolver.limit {
            let Some((_, oldest)) = self.by_use.first_key_value() else { break };
            let oldest = oldest.clone();
            self.forget(&oldest)?;
        }
        store::write(&self.resolver.directory, token)?;
        self.note(token, now);
        Ok(())
    }

    /// Deletes the token of an account.
    pub(super) fn forget(&mut self, account: &str) -> io::Result<()> {
        if let Some(item) = self.items.remove(account) {
            self.by_use.remove(&item.used);
        }
        store::remove(&self.resolver.directory, account, true)
    }

    /// Deletes tokens whose time is over.
    pub(super) fn sweep(&mut self, now: SystemTime) {
        let is_over = |item: &Item| item.end.is_some_and(|end| end <= now);
        let over: Vec<String> =
            self.items.iter().filter(|(_, item)| is_over(item)).map(|(account, _)| account.clone()).collect();
        for account in over {
            if let Err(cause) = self.forget(&account) {
                tracing::error!("DirResolver - cannot delete the JWT of account {account:?}: {cause}");
            }
        }
    }

    /// Time between two looks at what is over.
    pub(super) fn sweep_interval(&self) -> Duration {
        self.resolver.ttl.map_or(MAX_SWEEP, |ttl| (ttl / 2).clamp(Duration::from_millis(1), MAX_SWEEP))
    }

    /// Accounts whose tokens are kept, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.items.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    fn note(&mut self, token: &Token<AccountClaims>, now: SystemTime) {
        let end = match self.resolver.ttl {
            Some(ttl) => now.checked_add(ttl),
            None => end_of(token.claims.exp),
        };
        self.num_uses += 1;
        let account = &token.claims.sub;
        if let Some(before) = self.items.insert(account.clone(), Item { end, used: self.num_uses }) {
            self.by_use.remove(&before.used);
        }
        self.by_use.insert(self.num_uses, account.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use nkeys::KeyPair;

    use super::*;

    fn token(exp: i64) -> Token<AccountClaims> {
        let operator = KeyPair::new_operator();
        let sub = KeyPair::new_account().public_key();
        let nats = serde_json::json!({"type": "account", "version": 2});
        let text = troupe_codecs::jwt::encode(&operator, (&sub, ""), (1, exp), &nats).expect("signs");
        let claims = troupe_codecs::jwt::decode(&text).expect("a token");
        Token { text, claims }
    }

    fn cache(limit: usize, ttl: Option<u64>) -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().expect("a directory");
        let resolver = CacheResolver {
            directory: directory.path().join("jwt"),
            limit,
            ttl: ttl.map(Duration::from_secs),
            timeout: Duration::from_secs(1),
        };
        let cache = Cache::open(&resolver, at(0)).expect("opens");
        (directory, cache)
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1000 + seconds)
    }

    fn num_files(cache: &Cache) -> usize {
        fs::read_dir(&cache.resolver.directory).expect("there").count()
    }

    #[test]
    fn the_one_unused_for_longest_makes_room() {
        let (_directory, mut cache) = cache(2, None);
        let [one, two, three] = [token(0), token(0), token(0)];
        cache.keep(&one, at(0)).expect("kept");
        cache.keep(&two, at(1)).expect("kept");
        assert!(cache.load(&one.claims.sub, at(2)).is_some());
        cache.keep(&three, at(3)).expect("kept");
        assert!(cache.load(&two.claims.sub, at(4)).is_none());
        assert_eq!((cache.load(&one.claims.sub, at(5)), num_files(&cache)), (Some(one), 2));
        let again = Cache::open(&cache.resolver, at(6)).expect("opens");
        assert_eq!(again.names(), cache.names());
    }

    #[test]
    fn tokens_go_after_their_last_use_or_with_their_end() {
        let (_directory, mut cache) = self::cache(9, Some(10));
        let [one, two] = [token(1), token(0)];
        cache.keep(&one, at(0)).expect("kept");
        cache.keep(&two, at(0)).expect("kept");
        cache.sweep(at(9));
        assert!(cache.load(&one.claims.sub, at(9)).is_some(), "the time counts, not the end");
        cache.sweep(at(15));
        assert_eq!((cache.names(), num_files(&cache)), (vec![one.claims.sub.clone()], 1));

        let (_directory, mut cache) = self::cache(9, None);
        let ending = token(1010);
        cache.keep(&ending, at(0)).expect("kept");
        cache.keep(&two, at(0)).expect("kept");
        cache.sweep(at(9));
        assert_eq!(num_files(&cache), 2);
        cache.sweep(at(10));
        assert_eq!(cache.names(), [two.claims.sub]);
    }
}
