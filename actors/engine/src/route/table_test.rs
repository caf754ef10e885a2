use super::*;

fn candidate(rid: u64, remote: &str) -> Candidate {
    Candidate {
        rid,
        remote_id: remote.to_owned(),
        remote_name: remote.to_owned(),
        did_solicit: false,
        is_explicit: false,
        url: RouteUrl::parse(&format!("nats-route://{remote}:6222")).unwrap(),
        account: None,
        remote_pool_size: 3,
        remote_pool_idx: 0,
        gossip_mode: 0,
        info_gossip_mode: 0,
        connect_urls: Vec::new(),
        prevails: false,
    }
}

fn accepted(rid: u64, remote: &str, idx: i64) -> Candidate {
    Candidate { remote_pool_idx: idx, ..candidate(rid, remote) }
}

fn solicited(rid: u64, remote: &str) -> Candidate {
    Candidate { did_solicit: true, is_explicit: true, ..candidate(rid, remote) }
}

fn added(registration: Registration) -> Added {
    match registration {
        Registration::Added(added) => added,
        other => panic!("{other:?}"),
    }
}

fn table() -> RouteTable {
    RouteTable::new(3, vec!["$SYS".to_owned()])
}

#[test]
fn a_pool_of_any_size_takes_no_memory() {
    let mut table = table();
    let wide = |idx| Candidate { remote_pool_size: i64::MAX, ..accepted(1, "b", idx) };
    assert_eq!(added(table.register(wide(2))).pool_idx, 2);
    let beyond = table.register(Candidate { rid: 2, ..wide(1 << 40) });
    assert!(matches!(beyond, Registration::Refused { .. }), "{beyond:?}");
}

#[test]
fn a_solicited_pool_fills_one_by_one() {
    let mut table = table();
    let first = added(table.register(solicited(1, "b")));
    assert_eq!((first.pool_idx, first.is_first, first.wants_next), (0, true, true));
    let second = added(table.register(solicited(2, "b")));
    assert_eq!((second.pool_idx, second.is_first, second.wants_next), (1, false, true));
    let third = added(table.register(solicited(3, "b")));
    assert_eq!((third.pool_idx, third.wants_next), (2, false));
    assert_eq!(table.register(solicited(4, "b")), Registration::Duplicate { may_reconnect: false });
    table.remove(2).unwrap();
    assert_eq!(added(table.register(solicited(5, "b"))).pool_idx, 1);
}

#[test]
fn an_accepted_connection_takes_the_place_it_names() {
    let mut table = table();
    assert_eq!(added(table.register(accepted(1, "b", 2))).pool_idx, 2);
    for idx in [-1, 3] {
        let text = format!("Invalid route pool index: {idx} - pool size is 3");
        assert_eq!(table.register(accepted(3, "b", idx)), Registration::Refused { text, may_reconnect: true });
    }
    // The larger of both sizes counts.
    let larger = Candidate { remote_pool_size: 5, ..accepted(4, "c", 4) };
    assert_eq!(added(table.register(larger)).pool_idx, 4);
}

#[test]
fn a_place_that_is_free_on_the_other_side_is_given_up_on_this_one() {
    let mut table = table();
    added(table.register(accepted(1, "b", 2)));
    let second = added(table.register(accepted(2, "b", 2)));
    assert_eq!((second.pool_idx, second.replaced, second.is_first), (2, Some(1), false));
    assert!(table.get(1).is_none() && table.remove(1).is_none());
    // What this server opened may stay once.
    assert_eq!(added(table.register(solicited(3, "b"))).pool_idx, 0);
    assert_eq!(table.register(accepted(4, "b", 0)), Registration::Duplicate { may_reconnect: true });
    assert_eq!(added(table.register(accepted(5, "b", 0))).replaced, Some(3));
    let last = table.get(5).unwrap();
    assert!(last.reconnects() && last.is_explicit, "it leads to a configured server");
}

/// A server, and what it has not heard yet.
#[derive(Clone)]
struct Side {
    table: RouteTable,
    news: Vec<News>,
    /// Servers of another kind let nothing go.
    prevails: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum News {
    /// INFO on the connection it opened.
    Greeted(u64),
    /// INFO on a connection the other one opened, for this place.
    Met(u64, i64),
    /// The other one has closed it.
    Closed(u64),
}

/// Tells one server the oldest news it has of a connection, and the other one what comes of it.
fn tell(sides: &mut [Side; 2], to: usize, number: usize) {
    let news = sides[to].news.remove(number);
    let prevails = sides[to].prevails;
    let outcome = match news {
        News::Greeted(rid) => (rid, sides[to].table.register(solicited(rid, "other"))),
        News::Met(rid, idx) => (rid, sides[to].table.register(Candidate { prevails, ..accepted(rid, "other", idx) })),
        News::Closed(rid) => {
            sides[to].table.remove(rid);
            return;
        }
    };
    let other = &mut sides[1 - to].news;
    match outcome {
        (rid, Registration::Added(added)) => {
            if let News::Greeted(_) = news {
                other.push(News::Met(rid, added.pool_idx as i64));
            }
            other.extend(added.replaced.map(News::Closed));
        }
        (rid, _) => other.push(News::Closed(rid)),
    }
}

/// Goes through every order in which news can arrive. What is said of one connection arrives in order.
fn in_every_order(sides: &[Side; 2], check: &mut impl FnMut(&[Side; 2])) {
    let of = |news: &News| match news {
        News::Greeted(rid) | News::Met(rid, _) | News::Closed(rid) => *rid,
    };
    let mut is_over = true;
    for (to, side) in sides.iter().enumerate() {
        for (number, news) in side.news.iter().enumerate() {
            if side.news[..number].iter().any(|earlier| of(earlier) == of(news)) {
                continue;
            }
            is_over = false;
            let mut next = sides.clone();
            tell(&mut next, to, number);
            in_every_order(&next, check);
        }
    }
    if is_over {
        check(sides);
    }
}

#[test]
fn servers_that_connect_to_each_other_at_once_keep_a_connection() {
    let side = |rid, prevails| Side { table: table(), news: vec![News::Greeted(rid)], prevails };
    // Two of one kind, of which one gives way, and one with a nats-server.
    for prevails in [[false, true], [true, false]] {
        let mut num_orders = 0;
        in_every_order(&[side(1, prevails[0]), side(2, prevails[1])], &mut |sides| {
            let kept = |side: &Side| {
                let mut kept: Vec<_> = side.table.members().map(|member| (member.rid, member.pool_idx)).collect();
                kept.sort_unstable();
                kept
            };
            assert_eq!(kept(&sides[0]), kept(&sides[1]));
            assert!(!kept(&sides[0]).is_empty());
            num_orders += 1;
        });
        assert!(num_orders > 3);
    }
}

#[test]
fn one_solicited_connection_makes_the_whole_pool_so() {
    let mut table = table();
    added(table.register(accepted(1, "b", 0)));
    assert!(!table.get(1).unwrap().reconnects());
    added(table.register(solicited(2, "b")));
    let first = table.get(1).unwrap();
    assert!(first.reconnects() && first.is_explicit);
    added(table.register(accepted(3, "b", 2)));
    assert!(table.get(3).unwrap().did_solicit);
}

#[test]
fn a_solicited_connection_that_finds_the_pool_full_makes_it_so() {
    let mut table = table();
    (0..3).for_each(|idx| _ = added(table.register(accepted(idx as u64, "b", idx))));
    let configured = RouteUrl::parse("nats-route://configured:6222").unwrap();
    let late = Candidate { url: configured.clone(), ..solicited(9, "b") };
    assert_eq!(table.register(late), Registration::Duplicate { may_reconnect: false });
    // Nobody else would lead to the configured server again.
    for rid in 0..3 {
        let member = table.get(rid).unwrap();
        assert!(member.reconnects() && member.is_explicit);
        assert_eq!(member.url, configured);
    }
}

#[test]
fn a_server_without_pools_has_one_connection() {
    let mut table = table();
    let old = Candidate { remote_pool_size: 0, ..solicited(1, "b") };
    let first = added(table.register(old.clone()));
    assert!(first.has_no_pool && !first.wants_next && first.is_first);
    let again = Candidate { rid: 2, ..old.clone() };
    assert_eq!(table.register(again), Registration::Duplicate { may_reconnect: false });
    let pinned = Candidate { rid: 3, account: Some("$SYS".to_owned()), ..old };
    let text = "Not possible to have a dedicated route for account \"$SYS\" between those servers".to_owned();
    assert_eq!(table.register(pinned), Registration::Refused { text, may_reconnect: false });
}

#[test]
fn pinned_accounts_have_one_connection_each() {
    let mut table = table();
    let pinned = |rid, account: &str| Candidate { account: Some(account.to_owned()), ..accepted(rid, "b", 0) };
    added(table.register(pinned(1, "$SYS")));
    assert_eq!(table.register(pinned(2, "$SYS")), Registration::Duplicate { may_reconnect: false });
    let text = "No route for account \"X\"".to_owned();
    assert_eq!(table.register(pinned(3, "X")), Registration::Refused { text, may_reconnect: true });
    assert!(table.knows("b", Some("$SYS")) && !table.knows("b", None));
    assert!(!table.remove(1).unwrap().was_last);
    assert!(table.remove(1).is_none() && table.members().next().is_none());
}

#[test]
fn the_last_connection_takes_the_server_with_it() {
    let mut table = table();
    added(table.register(accepted(1, "b", 0)));
    added(table.register(accepted(2, "b", 1)));
    assert!(!table.remove(1).unwrap().was_last);
    assert!(table.knows("b", None));
    assert!(table.remove(2).unwrap().was_last);
    assert_eq!(table.num_remotes(), 0);
}

#[test]
fn news_of_a_server_goes_to_all_others_once() {
    let mut table = table();
    assert!(added(table.register(accepted(1, "b", 0))).gossip.is_empty(), "nobody to tell");
    added(table.register(accepted(2, "b", 1)));
    added(table.register(solicited(3, "c")));
    // An accepted server: explicit routes pass it on in any case, others not at all.
    let mut gossip = added(table.register(accepted(4, "d", 0))).gossip;
    gossip.sort_by_key(|to| to.rid);
    let to = |rid, mode| GossipTo { rid, mode };
    assert_eq!(gossip, [to(1, GOSSIP_DISABLED), to(3, GOSSIP_OVERRIDE)]);
    assert!(added(table.register(accepted(5, "d", 1))).gossip.is_empty(), "only the first connection counts");
    // A server found by gossip is passed on only when told so.
    let found = Candidate { is_explicit: false, ..solicited(6, "e") };
    assert!(added(table.register(found)).gossip.is_empty());
    let found = Candidate { is_explicit: false, gossip_mode: GOSSIP_OVERRIDE, ..solicited(7, "f") };
    assert_eq!(added(table.register(found)).gossip.len(), 4);
    let silent = Candidate { info_gossip_mode: GOSSIP_DISABLED, ..accepted(8, "g", 0) };
    assert!(added(table.register(silent)).gossip.is_empty());
}
