//! Clients come, go and publish while the Router fails again and again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use troupe_actors::supervisor::{Fault, Injection};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;

use crate::received::{publish, received};

/// Panics within the intensity window, one under the limit.
const NUM_PANICS: u64 = 4;
const NUM_PUBLISHERS: usize = 3;
const NUM_SUBJECTS: usize = 4;
/// Least number of messages of each publisher.
const NUM_MESSAGES: usize = 2_000;

fn subject(number: usize) -> String {
    format!("load.{}", number % NUM_SUBJECTS)
}

/// Publishes numbered messages until there were enough and `done` is set; returns how many.
fn publish_numbered(mut client: RawClient, publisher: usize, done: &AtomicBool) -> usize {
    let mut number = 0;
    while number < NUM_MESSAGES || !done.load(Ordering::Relaxed) {
        let batch: String =
            (number..number + 20).map(|number| publish(&subject(number), &format!("{publisher} {number}"))).collect();
        client.flush(batch);
        number += 20;
    }
    number
}

/// A subscription of a connection that comes and goes.
struct Visit {
    subject: String,
    is_open: bool,
}

/// One subscription after the other; the connection comes back with all of them by sid.
fn come_and_go(mut client: RawClient, seed: usize, done: &AtomicBool) -> (RawClient, HashMap<String, Visit>) {
    let mut subscriptions = HashMap::new();
    let mut round = 0;
    while !done.load(Ordering::Relaxed) {
        let (sid, subject) = (round.to_string(), subject(seed + round));
        client.flush(format!("SUB {subject} {sid}\r\n"));
        let stays = round % 3 == 0;
        if !stays {
            client.flush(format!("UNSUB {sid}\r\n"));
        }
        subscriptions.insert(sid, Visit { subject, is_open: stays });
        if round % 30 == 0 {
            // At most ten are open at a time.
            for (sid, visit) in subscriptions.iter_mut().filter(|(_, visit)| visit.is_open) {
                client.flush(format!("UNSUB {sid}\r\n"));
                visit.is_open = false;
            }
        }
        round += 1;
    }
    (client, subscriptions)
}

/// Checks one subscription: right subject, nothing twice, each publisher's messages in their order. With `complete`, nothing
/// may be missing either.
fn check(messages: &[(String, String)], complete: Option<&[usize]>) {
    let mut last = [None; NUM_PUBLISHERS];
    let mut counts = [0; NUM_PUBLISHERS];
    for (subject_got, payload) in messages {
        let (publisher, number) = payload.split_once(' ').expect("two numbers");
        let (publisher, number): (usize, usize) =
            (publisher.parse().expect("a number"), number.parse().expect("a number"));
        assert_eq!(*subject_got, subject(number), "misrouted");
        assert!(last[publisher] < Some(number), "{number} of publisher {publisher} after {:?}", last[publisher]);
        last[publisher] = Some(number);
        counts[publisher] += 1;
    }
    if let Some(complete) = complete {
        assert_eq!(counts, complete, "messages of each publisher");
    }
}

#[test]
fn delivery_is_right_while_the_router_fails() {
    let server = InProcess::start();
    let mut steady = server.join();
    steady.flush("SUB load.> steady\r\n");
    let movers: Vec<RawClient> = (0..3).map(|_| server.join()).collect();
    let publishers: Vec<RawClient> = (0..NUM_PUBLISHERS).map(|_| server.join()).collect();
    let (moved, published) = std::thread::scope(|scope| {
        static DONE: AtomicBool = AtomicBool::new(false);
        let publishers: Vec<_> = (publishers.into_iter().enumerate())
            .map(|(number, client)| scope.spawn(move || publish_numbered(client, number, &DONE)))
            .collect();
        let movers: Vec<_> = (movers.into_iter().enumerate())
            .map(|(number, client)| scope.spawn(move || come_and_go(client, number, &DONE)))
            .collect();
        for (number, point) in ["mid-apply", "before-apply", "after-publish", "before-publish"].iter().enumerate() {
            server.faults().inject(Injection::new(&format!("router:{point}"), Fault::Panic).at_checkpoint(20));
            server.wait_restarts("router", number as u64 + 1);
        }
        DONE.store(true, Ordering::Relaxed);
        let moved: Vec<_> = movers.into_iter().map(|mover| mover.join().expect("no mover fails")).collect();
        let published: Vec<usize> =
            publishers.into_iter().map(|publisher| publisher.join().expect("no publisher fails")).collect();
        (moved, published)
    });
    steady.flush("");
    let pairs = |sid: &str, client: &RawClient| -> Vec<(String, String)> {
        let of_sid = received(client).into_iter().filter(|message| message.sid == sid);
        of_sid.map(|message| (message.subject, message.payload)).collect()
    };
    check(&pairs("steady", &steady), Some(&published));
    let num_open: usize = moved.iter().map(|(_, visits)| visits.values().filter(|visit| visit.is_open).count()).sum();
    assert_eq!(server.account().num_subscriptions(), num_open as u64 + 1);
    assert_eq!(server.num_indexed(), num_open + 1);
    let last: String = (0..NUM_SUBJECTS).map(|number| publish(&subject(number), "last")).collect();
    steady.flush(last);
    for (mut client, visits) in moved {
        client.flush("");
        let mut by_sid: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for message in received(&client) {
            by_sid.entry(message.sid).or_default().push((message.subject, message.payload));
        }
        for (sid, visit) in visits {
            let mut messages = by_sid.remove(&sid).unwrap_or_default();
            let has_last = messages.last().is_some_and(|(_, payload)| payload == "last");
            messages.truncate(messages.len() - usize::from(has_last));
            assert_eq!(has_last, visit.is_open, "the last message on {} for {sid}", visit.subject);
            assert!(messages.iter().all(|(subject, _)| *subject == visit.subject), "misrouted");
            check(&messages, None);
        }
        assert!(by_sid.is_empty(), "for no subscription: {by_sid:?}");
    }
    let status = server.child("router");
    assert_eq!(status.num_restarts, NUM_PANICS);
    assert_eq!(server.client_actors().num_panicked, 0);
}
