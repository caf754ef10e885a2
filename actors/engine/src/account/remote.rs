//! Connections of accounts on other servers, as those tell of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server that says nothing for so long is believed to be gone.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(150);
/// Servers that are remembered. What more of them tell is not counted.
const MAX_SERVERS: usize = 4096;

/// What other servers told last.
#[derive(Debug, Default)]
pub struct RemoteConnections {
    servers: HashMap<String, RemoteServer>,
}

#[derive(Debug)]
struct RemoteServer {
    heard: Instant,
    connections: HashMap<Arc<str>, u64>,
}

impl RemoteConnections {
    /// A server said something. True when nothing was known of it.
    pub fn hear(&mut self, server: &str, now: Instant) -> bool {
        if let Some(known) = self.servers.get_mut(server) {
            known.heard = now;
            return false;
        }
        let is_room = self.servers.len() < MAX_SERVERS;
        if is_room {
            self.servers.insert(server.to_owned(), RemoteServer { heard: now, connections: HashMap::new() });
        }
        is_room
    }

    /// A server has so many connections in an account.
    pub fn count(&mut self, server: &str, account: &Arc<str>, connections: u64) {
        let Some(known) = self.servers.get_mut(server) else { return };
        if connections == 0 {
            known.connections.remove(account);
        } else {
            known.connections.insert(Arc::clone(account), connections);
        }
    }

    /// Connections that all of them have in an account.
    #[must_use]
    pub fn total(&self, account: &str) -> u64 {
        self.servers.values().filter_map(|server| server.connections.get(account)).sum()
    }

    /// A server is gone. Yields the accounts in which it had connections.
    pub fn forget(&mut self, server: &str) -> Vec<Arc<str>> {
        self.servers.remove(server).map(|gone| gone.connections.into_keys().collect()).unwrap_or_default()
    }

    /// Servers that have said nothing for too long.
    #[must_use]
    pub fn silent(&self, now: Instant) -> Vec<String> {
        let is_silent = |server: &RemoteServer| now.saturating_duration_since(server.heard) > LONGEST_SILENCE;
        self.servers.iter().filter(|(_, server)| is_silent(server)).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_counts_with_what_it_told_last() {
        let now = Instant::now();
        let (a, b): (Arc<str>, Arc<str>) = ("A".into(), "B".into());
        let mut remote = RemoteConnections::default();
        assert!(remote.hear("one", now));
        assert!(!remote.hear("one", now));
        assert!(remote.hear("two", now));
        remote.count("one", &a, 3);
        remote.count("two", &a, 2);
        remote.count("two", &b, 1);
        remote.count("never heard of", &b, 7);
        assert_eq!((remote.total("A"), remote.total("B"), remote.total("C")), (5, 1, 0));
        remote.count("one", &a, 1);
        remote.count("two", &b, 0);
        assert_eq!((remote.total("A"), remote.total("B")), (3, 0));
        assert_eq!(remote.forget("two"), [a]);
        assert_eq!(remote.forget("two"), []);
        assert_eq!(remote.total("A"), 1);
    }

    #[test]
    fn silent_servers_are_told_apart() {
        let now = Instant::now();
        let mut remote = RemoteConnections::default();
        remote.hear("one", now);
        remote.hear("two", now);
        remote.hear("two", now + LONGEST_SILENCE);
        assert_eq!(remote.silent(now + LONGEST_SILENCE), Vec::<String>::new());
        assert_eq!(remote.silent(now + LONGEST_SILENCE + Duration::from_secs(1)), ["one"]);
    }

    #[test]
    fn servers_beyond_the_limit_are_not_remembered() {
        let now = Instant::now();
        let mut remote = RemoteConnections::default();
        (0..MAX_SERVERS).for_each(|number| assert!(remote.hear(&number.to_string(), now)));
        assert!(!remote.hear("one more", now));
        remote.count("one more", &"A".into(), 1);
        assert_eq!(remote.total("A"), 0);
    }
}
