//! `/eventsz`: figures of the moment, who came and went, and how fast each connection moves.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use troupe_codecs::report::eventsz::{Changes, Peer, Sample};
use troupe_codecs::report::table::ConnectionRates;

use super::Reporter;
use crate::client::registry::Entry;
use crate::connection::{ClosedConnection, ConnectionStatus, Traffic};
use crate::net::RemoteAddress;

/// Connections named in one second. More than that nobody can read.
const MOST_CHANGES: usize = 40;

/// Looks that a new connection has to say who it is.
const LOOKS_TO_INTRODUCE: u8 = 5;
/// Looks further apart than this have nothing to do with each other.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Rates by connection id.
pub type RatesByConnection = HashMap<u64, ConnectionRates, ahash::RandomState>;

type SeenByConnection = HashMap<u64, Seen, ahash::RandomState>;

/// What was seen of the connections at the last look.
#[derive(Debug, Default)]
pub struct ConnectionWatch {
    last_opt: Option<Last>,
}

#[derive(Debug)]
struct Last {
    at: Instant,
    seen: SeenByConnection,
    /// When the newest closed connection that was told of was closed.
    stop: SystemTime,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    traffic: Traffic,
    /// Looks it has left to say who it is before it is told of without a name; 0 once it was told of.
    looks_left: u8,
}

/// What a look at the connections found.
#[derive(Debug, Default)]
pub struct Look {
    /// Who came and went since the last look.
    pub changes: Changes,
    /// How fast each connection moves; those seen for the first time are missing.
    pub rates: RatesByConnection,
}

impl Reporter {
    /// The figures of this moment.
    #[must_use]
    pub fn sample(&self, now: SystemTime) -> Sample {
        let totals = self.totals();
        let restarts = self.board.snapshot().children.iter().map(|child| child.num_restarts).sum();
        Sample {
            at: milliseconds(now),
            in_msgs: totals.all.in_msgs,
            in_bytes: totals.all.in_bytes,
            out_msgs: totals.all.out_msgs,
            out_bytes: totals.all.out_bytes,
            connections: totals.connections,
            total_connections: totals.total_connections,
            subscriptions: totals.subscriptions,
            slow_consumers: totals.slow_consumers,
            stalled_clients: totals.stalled_clients,
            restarts,
            mem: totals.memory,
            cpu: totals.cpu,
        }
    }

    /// Looks at all connections and compares them with the last look. The first one, also after a pause, finds no changes.
    pub fn look(&self, watch: &mut ConnectionWatch, now: Instant, clock: SystemTime) -> Look {
        let entries = self.services.registry.all();
        let last_opt = watch.last_opt.take().filter(|last| now.saturating_duration_since(last.at) <= LONGEST_PAUSE);
        let mut look = Look::default();
        let mut seen = SeenByConnection::with_capacity_and_hasher(entries.len(), ahash::RandomState::default());
        let mut stop = clock;
        match last_opt {
            None => seen.extend(entries.iter().map(|entry| (entry.sink.cid(), Seen::new(entry, 0)))),
            Some(last) => {
                let seconds = now.saturating_duration_since(last.at).as_secs_f64();
                look.changes.at = milliseconds(clock);
                entries.iter().for_each(|entry| compare(entry, &last.seen, &mut seen, seconds, &mut look));
                look.changes.connected.sort_unstable_by_key(|peer| peer.cid);
                (look.changes.disconnected, stop) = self.closed_since(last.stop);
                shorten(&mut look.changes);
            }
        }
        watch.last_opt = Some(Last { at: now, seen, stop });
        look
    }

    /// Connections closed after a moment, oldest first, and when the last of them was.
    fn closed_since(&self, moment: SystemTime) -> (Vec<Peer>, SystemTime) {
        let all = self.services.closed.all();
        // In the order of their ends, but for those that ended at the same time on different threads.
        let newer = all.iter().rev().take_while(|connection| connection.stop > moment);
        let mut peers: Vec<Peer> = newer.map(|connection| closed_peer(connection)).collect();
        peers.reverse();
        (peers, all.last().map_or(moment, |newest| newest.stop.max(moment)))
    }
}

impl Seen {
    fn new(entry: &Entry, looks_left: u8) -> Self {
        Self { traffic: entry.sink.traffic().read(), looks_left }
    }
}

/// Compares a connection with what was seen of it before.
fn compare(entry: &Entry, before: &SeenByConnection, now: &mut SeenByConnection, seconds: f64, look: &mut Look) {
    let cid = entry.sink.cid();
    let before_opt = before.get(&cid);
    let looks_left = before_opt.map_or(LOOKS_TO_INTRODUCE, |before| before.looks_left.saturating_sub(1));
    let mut seen = Seen::new(entry, looks_left);
    if let Some(before) = before_opt {
        look.rates.insert(cid, rates(seen.traffic - before.traffic, seconds));
    }
    let is_told = before_opt.is_some_and(|before| before.looks_left == 0);
    if !is_told && (looks_left == 0 || entry.status.profile().is_some()) {
        seen.looks_left = 0;
        look.changes.connected.push(peer(cid, entry.sink.remote(), &entry.status));
    }
    now.insert(cid, seen);
}

fn rates(grown: Traffic, seconds: f64) -> ConnectionRates {
    // Whole tenths: more is noise.
    let rate = |amount: u64| if seconds > 0.0 { (amount as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 };
    ConnectionRates {
        in_msgs: rate(grown.in_msgs),
        in_bytes: rate(grown.in_bytes),
        out_msgs: rate(grown.out_msgs),
        out_bytes: rate(grown.out_bytes),
    }
}

fn peer(cid: u64, remote: RemoteAddress, status: &ConnectionStatus) -> Peer {
    let profile = status.profile().unwrap_or_default();
    Peer {
        cid,
        ip: remote.ip().map(|ip| ip.to_string()).unwrap_or_default(),
        name: profile.name.to_string(),
        account: profile.account.as_deref().unwrap_or_default().to_owned(),
        reason: "",
    }
}

fn closed_peer(connection: &ClosedConnection) -> Peer {
    Peer { reason: connection.reason.text(), ..peer(connection.cid, connection.remote, &connection.status) }
}

/// Leaves so many changes as can be read, and counts the others.
fn shorten(changes: &mut Changes) {
    for list in [&mut changes.connected, &mut changes.disconnected] {
        let too_many = list.len().saturating_sub(MOST_CHANGES);
        list.drain(..too_many);
        changes.hidden += too_many as u64;
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(count: usize) -> Vec<Peer> {
        (0..count as u64).map(|cid| Peer { cid, ..Peer::default() }).collect()
    }

    #[test]
    fn crowds_are_shortened_to_the_newest() {
        let mut changes = Changes { connected: peers(MOST_CHANGES + 3), disconnected: peers(2), ..Changes::default() };
        shorten(&mut changes);
        assert_eq!((changes.connected.len(), changes.disconnected.len(), changes.hidden), (MOST_CHANGES, 2, 3));
        assert_eq!(changes.connected[0].cid, 3);
    }

    #[test]
    fn rates_are_per_second() {
        let grown = Traffic { in_msgs: 3, in_bytes: 100, out_msgs: 0, out_bytes: 1 };
        let expected = ConnectionRates { in_msgs: 1.5, in_bytes: 50.0, out_msgs: 0.0, out_bytes: 0.5 };
        assert_eq!(rates(grown, 2.0), expected);
        assert_eq!(rates(grown, 0.0), ConnectionRates::default());
    }
}
