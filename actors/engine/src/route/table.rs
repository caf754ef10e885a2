//! Which connections to which servers there are.
//!
//! Two servers hold a pool of connections, and one more for each pinned account. Both may open them at the same time, so a
//! connection is judged when the other server has told who it is: it takes a place, or there is one in its place already.

use std::collections::HashMap;

use troupe_codecs::peer::info::{GOSSIP_DISABLED, GOSSIP_OVERRIDE};

use crate::options::RouteUrl;

/// Most connections of a pool that another server is believed to want.
const MAX_POOL: i64 = 1024;

/// A connection whose other end has told who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Connection id.
    pub rid: u64,
    /// Id of the other server.
    pub remote_id: String,
    /// Name of the other server.
    pub remote_name: String,
    /// This server opened it.
    pub did_solicit: bool,
    /// It leads to a configured address.
    pub is_explicit: bool,
    /// Where the other server is reached.
    pub url: RouteUrl,
    /// The one account it is for.
    pub account: Option<String>,
    /// Pool size the other server told.
    pub remote_pool_size: i64,
    /// Place in the pool the other server told.
    pub remote_pool_idx: i64,
    /// How the news that made this server open it may be passed on.
    pub gossip_mode: u8,
    /// How the other server's INFO may be passed on.
    pub info_gossip_mode: u8,
    /// Where clients reach the other server.
    pub connect_urls: Vec<String>,
    /// Should both servers have opened a connection for the same place at once, this one, which the other server opened, stays.
    pub prevails: bool,
}

/// A connection that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Connection id.
    pub rid: u64,
    /// Id of the other server.
    pub remote_id: String,
    /// Name of the other server.
    pub remote_name: String,
    /// This server opened it, or another one to the same server.
    pub did_solicit: bool,
    /// This server opened it.
    pub is_own: bool,
    /// It leads to a configured address.
    pub is_explicit: bool,
    /// A second connection was closed for it: both sides may have done that, so it is opened again when it ends.
    pub retries: bool,
    /// Where the other server is reached.
    pub url: RouteUrl,
    /// The one account it is for.
    pub account: Option<String>,
    /// Place in the pool.
    pub pool_idx: usize,
    /// The other server knows no pools: one connection carries everything.
    pub has_no_pool: bool,
    /// Where clients reach the other server.
    pub connect_urls: Vec<String>,
}

/// A connection that is told of a new server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GossipTo {
    /// Connection id.
    pub rid: u64,
    /// How the news may be passed on.
    pub mode: u8,
}

/// What comes with a place in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Place in the pool.
    pub pool_idx: usize,
    /// The other server knows no pools.
    pub has_no_pool: bool,
    /// It is the first to this server.
    pub is_first: bool,
    /// The pool is not full: the next connection is to be opened once this one has proved to work.
    pub wants_next: bool,
    /// Who is told of the other server.
    pub gossip: Vec<GossipTo>,
    /// The connection that had the place before. It does not count any more, and has to end first.
    pub replaced: Option<u64>,
}

/// What becomes of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It counts.
    Added(Added),
    /// Another one is in its place: it closes.
    Duplicate {
        /// It may be opened again.
        may_reconnect: bool,
    },
    /// The other server is told this text, and it closes.
    Refused {
        /// The text.
        text: String,
        /// It may be opened again.
        may_reconnect: bool,
    },
}

/// What a closed connection leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The connection.
    pub member: Member,
    /// It was the last of the pool: the other server is gone.
    pub was_last: bool,
}

/// All connections that count.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    pool_size: i64,
    pinned: Vec<String>,
    pools: HashMap<String, Vec<Option<Member>>>,
    /// By account and id of the other server.
    pinned_routes: HashMap<String, HashMap<String, Member>>,
}

impl RouteTable {
    /// An empty table for pools of `pool_size` and `pinned` accounts.
    #[must_use]
    pub fn new(pool_size: i64, pinned: Vec<String>) -> Self {
        Self { pool_size, pinned, ..Self::default() }
    }

    /// Takes other settings; connections stay where they are.
    pub fn configure(&mut self, pool_size: i64, pinned: Vec<String>) {
        self.pool_size = pool_size;
        self.pinned = pinned;
    }

    /// Has an account whose connections are its own no longer be one of those: they are not opened again. Yields their ids.
    pub fn unpin(&mut self, account: &str) -> Vec<u64> {
        self.pinned.retain(|pinned| pinned != account);
        let routes = self.pinned_routes.get_mut(account).into_iter().flat_map(HashMap::values_mut);
        let abandoned = routes.map(|member| {
            (member.did_solicit, member.retries) = (false, false);
            member.rid
        });
        abandoned.collect()
    }

    /// Accounts with connections of their own.
    #[must_use]
    pub fn pinned(&self) -> &[String] {
        &self.pinned
    }

    /// Every connection that counts, in no order.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.pools.values().flatten().flatten().chain(self.pinned_routes.values().flat_map(HashMap::values))
    }

    /// Number of other servers.
    #[must_use]
    pub fn num_remotes(&self) -> usize {
        self.pools.len()
    }

    /// Whether there is a connection to this server already, for `account` alone or of the pool.
    #[must_use]
    pub fn knows(&self, remote_id: &str, account: Option<&str>) -> bool {
        match account {
            Some(account) => self.pinned_routes.get(account).is_some_and(|routes| routes.contains_key(remote_id)),
            None => self.pools.contains_key(remote_id),
        }
    }

    /// Gives a connection its place, if it is free.
    pub fn register(&mut self, candidate: Candidate) -> Registration {
        let knows_pools = candidate.remote_pool_size > 0 && self.pool_size >= 0;
        let size = self.pool_size.max(candidate.remote_pool_size.min(MAX_POOL));
        if let Some(refused) = refusal(&candidate, knows_pools, size) {
            return refused;
        }
        if candidate.account.is_some() {
            return self.register_pinned(candidate);
        }
        let places = if knows_pools { usize::try_from(size).unwrap_or(1).max(1) } else { 1 };
        let conns = self.pools.entry(candidate.remote_id.clone()).or_default();
        if conns.len() < places {
            conns.resize(places, None);
        }
        let wanted = usize::try_from(candidate.remote_pool_idx).unwrap_or(0);
        let num_before = conns.iter().flatten().count();
        let place = match (knows_pools, candidate.did_solicit) {
            (true, true) if num_before > 0 => conns.iter().take(places).position(Option::is_none),
            (true, _) => {
                Some(wanted).filter(|place| conns[*place].as_ref().is_none_or(|own| gives_way(own, &candidate)))
            }
            (false, _) => Some(0).filter(|place| conns[*place].is_none()),
        };
        let Some(place) = place else {
            return self.refuse_duplicate(&candidate, knows_pools, wanted);
        };
        let mut member = member(candidate.clone(), place, !knows_pools);
        adopt(conns, &mut member);
        let replaced = conns[place].replace(member).map(|replaced| replaced.rid);
        let is_first = num_before == 0;
        let wants_next = knows_pools && candidate.did_solicit && num_before + 1 < places;
        let gossip = if is_first && self.pools.len() > 1 { self.gossip(&candidate) } else { Vec::new() };
        Registration::Added(Added {
            pool_idx: place,
            has_no_pool: !knows_pools,
            is_first,
            wants_next,
            gossip,
            replaced,
        })
    }

    fn register_pinned(&mut self, mut candidate: Candidate) -> Registration {
        // The connections of the pool tell where clients reach the server.
        candidate.connect_urls.clear();
        let account = candidate.account.clone().unwrap_or_default();
        if !self.pinned.contains(&account) {
            let text = format!("No route for account {account:?}");
            return Registration::Refused { text, may_reconnect: true };
        }
        let routes = self.pinned_routes.entry(account).or_default();
        if let Some(other) = routes.get_mut(&candidate.remote_id) {
            mark_duplicate(other, &candidate);
            return Registration::Duplicate { may_reconnect: false };
        }
        routes.insert(candidate.remote_id.clone(), member(candidate.clone(), 0, false));
        let gossip = if routes.len() > 1 { self.gossip(&candidate) } else { Vec::new() };
        let added =
            Added { pool_idx: 0, has_no_pool: false, is_first: false, wants_next: false, gossip, replaced: None };
        Registration::Added(added)
    }

    fn refuse_duplicate(&mut self, candidate: &Candidate, knows_pools: bool, wanted: usize) -> Registration {
        let conns = self.pools.entry(candidate.remote_id.clone()).or_default();
        // A full pool closes what it opened for good; what is in the place of another one may be tried again.
        let is_full = knows_pools && candidate.did_solicit;
        if is_full {
            // Those that are there are opened again in its place, should they end.
            conns.iter_mut().flatten().for_each(|member| upgrade(member, &candidate.url, candidate.is_explicit));
            return Registration::Duplicate { may_reconnect: false };
        }
        if let Some(other) = conns.get_mut(if knows_pools { wanted } else { 0 }).and_then(Option::as_mut) {
            mark_duplicate(other, candidate);
        }
        Registration::Duplicate { may_reconnect: knows_pools }
    }

    /// Who is told of the server behind `candidate`: one connection of each other server.
    fn gossip(&self, candidate: &Candidate) -> Vec<GossipTo> {
        let is_from_gossip = candidate.did_solicit && !candidate.is_explicit;
        if is_from_gossip && candidate.gossip_mode != GOSSIP_OVERRIDE || candidate.info_gossip_mode == GOSSIP_DISABLED {
            return Vec::new();
        }
        let mode = |to: &Member| match candidate.did_solicit {
            false if to.is_explicit => GOSSIP_OVERRIDE,
            true if candidate.is_explicit => GOSSIP_OVERRIDE,
            false => GOSSIP_DISABLED,
            true => 0,
        };
        let own = candidate.account.as_ref().and_then(|account| self.pinned_routes.get(account));
        let is_other = |member: &&Member| member.remote_id != candidate.remote_id;
        let through_own = own.into_iter().flat_map(HashMap::values).filter(is_other);
        let through_pool = self.pools.values().filter_map(|conns| conns.iter().flatten().next());
        let through_pool = through_pool
            .filter(is_other)
            .filter(|member| own.is_none_or(|own| !own.contains_key(&member.remote_id)))
            .filter(|member| candidate.account.is_none() || !member.has_no_pool);
        through_own.chain(through_pool).map(|to| GossipTo { rid: to.rid, mode: mode(to) }).collect()
    }

    /// Takes a closed connection out; `None` when it had no place.
    pub fn remove(&mut self, rid: u64) -> Option<Removed> {
        let is_it = |member: &Member| member.rid == rid;
        for routes in self.pinned_routes.values_mut() {
            if let Some(remote) = routes.values().find(|member| is_it(member)).map(|member| member.remote_id.clone()) {
                return routes.remove(&remote).map(|member| Removed { member, was_last: false });
            }
        }
        let place = self.pools.values_mut().flatten().find(|place| place.as_ref().is_some_and(is_it))?;
        let member = place.take()?;
        let was_last = self.pools.get(&member.remote_id).is_some_and(|conns| conns.iter().all(Option::is_none));
        if was_last {
            self.pools.remove(&member.remote_id);
        }
        Some(Removed { member, was_last })
    }

    /// Notes that clients cannot reach a server any more.
    pub fn forget_connect_urls(&mut self, remote_id: &str) {
        let conns = self.pools.get_mut(remote_id).into_iter().flatten().flatten();
        conns.for_each(|member| member.connect_urls.clear());
    }

    /// The connection with this id.
    #[must_use]
    pub fn get(&self, rid: u64) -> Option<&Member> {
        self.members().find(|member| member.rid == rid)
    }
}

impl Member {
    /// Whether it is opened again when it ends.
    #[must_use]
    pub fn reconnects(&self) -> bool {
        self.did_solicit || self.retries
    }
}

fn refusal(candidate: &Candidate, knows_pools: bool, size: i64) -> Option<Registration> {
    let idx = candidate.remote_pool_idx;
    let (text, may_reconnect) = match &candidate.account {
        Some(account) if !knows_pools => {
            let text = format!("Not possible to have a dedicated route for account {account:?} between those servers");
            (text, false)
        }
        _ if !knows_pools => return None,
        _ if candidate.did_solicit && idx != 0 => {
            (format!("Route pool index should not be set but is set to {idx}"), true)
        }
        _ if !candidate.did_solicit && !(0..size.max(1)).contains(&idx) => {
            let size = candidate.remote_pool_size;
            (format!("Invalid route pool index: {idx} - pool size is {size}"), true)
        }
        _ => return None,
    };
    Some(Registration::Refused { text, may_reconnect })
}

fn member(candidate: Candidate, pool_idx: usize, has_no_pool: bool) -> Member {
    Member {
        rid: candidate.rid,
        remote_id: candidate.remote_id,
        remote_name: candidate.remote_name,
        did_solicit: candidate.did_solicit,
        is_own: candidate.did_solicit,
        is_explicit: candidate.is_explicit,
        retries: false,
        url: candidate.url,
        account: candidate.account,
        pool_idx,
        has_no_pool,
        connect_urls: candidate.connect_urls,
    }
}

/// One solicited connection of a pool makes all of them so: whoever opened them, they are opened again.
fn adopt(conns: &mut [Option<Member>], new: &mut Member) {
    if new.did_solicit {
        let (url, is_explicit) = (new.url.clone(), new.is_explicit);
        conns.iter_mut().flatten().for_each(|member| upgrade(member, &url, is_explicit));
    } else if let Some(solicited) = conns.iter().flatten().find(|member| member.did_solicit) {
        upgrade(new, &solicited.url.clone(), solicited.is_explicit);
    }
}

fn upgrade(member: &mut Member, url: &RouteUrl, is_explicit: bool) {
    if !member.did_solicit || is_explicit && !member.is_explicit {
        member.url = url.clone();
    }
    member.did_solicit = true;
    member.is_explicit |= is_explicit;
}

/// Whether `own` leaves its place to a connection the other server opened for it. The other server names the places that are free on
/// its side, so whatever stands there on this side has ended on that one, or was opened at the same moment. Only in the second case it may
/// stay, and then once: servers that both let go of what they opened would meet like that again and again.
fn gives_way(own: &Member, opened: &Candidate) -> bool {
    !own.is_own || own.retries || opened.prevails
}

fn mark_duplicate(kept: &mut Member, closed: &Candidate) {
    if closed.did_solicit {
        upgrade(kept, &closed.url, closed.is_explicit);
    }
    kept.retries = true;
}

#[cfg(test)]
#[path = "table_test.rs"]
mod tests;
