//! Very many subscriptions, and changes among them.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Setting;
use super::messages::{append_publish, message_len};
use crate::flow::{Audience, Feed, Flow};
use crate::link::{Door, Link};
use crate::report::Measured;

const CONNECTIONS: usize = 100;
/// Threads that subscribe at once.
const SUBSCRIBING: usize = 4;
const CHURNING: usize = 2;
/// Subscriptions a churning connection makes, and ends, between two answers.
const CHURN_BATCH: usize = 50;
/// Time from one of its batches to the next: 20,000 changes a second, the same on both servers as long as they keep up.
const CHURN_PAUSE: Duration = Duration::from_millis(5);

/// A million subscriptions of a hundred connections. Messages to all of them while two more connections subscribe and
/// unsubscribe all the time.
pub(super) fn million_with_churn(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let per_connection = setting.count(1_000_000).div_ceil(CONNECTIONS).min(99_999);
    let num_subscriptions = (per_connection * CONNECTIONS) as f64;
    let mut links = (0..CONNECTIONS).map(|_| door.open()).collect::<io::Result<Vec<_>>>()?;
    let before = server.rss_kib()?;
    let start = Instant::now();
    subscribe_all(&mut links, per_connection)?;
    let subscribing = start.elapsed();
    // Memory that is only waiting to be given back is not counted.
    thread::sleep(Duration::from_millis(1500));
    let after = server.rss_kib()?;

    let flow = publish_to_all(setting.count(300_000), per_connection);
    let (stop, changes) = (AtomicBool::new(false), AtomicU64::new(0));
    let (measured, elapsed) = thread::scope(|scope| {
        for number in 0..CHURNING {
            let (door, stop, changes) = (&door, &stop, &changes);
            scope.spawn(move || churn(door, number, stop, changes));
        }
        let start = Instant::now();
        let measured = flow.run_for(Audience::of(links), &server, &door);
        stop.store(true, Ordering::Relaxed);
        (measured, start.elapsed())
    });
    let mut measured = measured?;
    measured.more = vec![
        ("subscribed /s", num_subscriptions / subscribing.as_secs_f64()),
        ("B / subscription", (after - before) * 1024.0 / num_subscriptions),
        ("changes /s", changes.load(Ordering::Relaxed) as f64 / elapsed.as_secs_f64()),
    ];
    Ok(measured)
}

fn subject(connection: usize, number: usize) -> String {
    format!("store.{connection:03}.item.{number:05}")
}

/// Subscribes on all connections at once, each to subjects of its own.
pub(super) fn subscribe_all(links: &mut [Link], per_connection: usize) -> io::Result<()> {
    let numbered: Vec<_> = links.iter_mut().enumerate().collect();
    let mut shares: Vec<Vec<_>> = (0..SUBSCRIBING).map(|_| Vec::new()).collect();
    numbered.into_iter().for_each(|numbered| shares[numbered.0 % SUBSCRIBING].push(numbered));
    thread::scope(|scope| {
        let subscribe = |share: Vec<(usize, &mut Link)>| {
            for (connection, link) in share {
                let line = |number| format!("SUB {} {}\r\n", subject(connection, number), 100_000 + number);
                link.write_all((0..per_connection).map(line).collect::<String>().as_bytes())?;
                link.settle()?;
            }
            io::Result::Ok(())
        };
        let threads: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || subscribe(share))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| io::Error::other("a panic"))?)
    })
}

/// Messages to the subscriptions of all connections, in no simple order.
fn publish_to_all(count: usize, per_connection: usize) -> Flow {
    let mut bytes = Vec::new();
    for number in 0..count {
        let place = number * 7919;
        append_publish(&mut bytes, &subject(place % CONNECTIONS, place / CONNECTIONS % per_connection), 16);
    }
    Flow {
        feeds: vec![Feed::once(bytes)],
        readers: Vec::new(),
        expected_bytes: count as u64 * message_len(&subject(0, 0), "100000", 16),
        num_messages: count as u64,
    }
}

/// Subscribes and unsubscribes until `stop`, and counts both. An error ends it.
fn churn(door: &Door, number: usize, stop: &AtomicBool, changes: &AtomicU64) {
    let Ok(mut link) = door.open() else { return };
    let mut next = 0;
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += CHURN_PAUSE;
        let mut ops = String::new();
        for sid in next..next + CHURN_BATCH {
            ops.push_str(&format!("SUB churn.{number}.{sid} {sid}\r\n"));
            if let Some(old) = sid.checked_sub(1000) {
                ops.push_str(&format!("UNSUB {old}\r\n"));
            }
        }
        next += CHURN_BATCH;
        if link.write_all(ops.as_bytes()).and_then(|()| link.settle()).is_err() {
            return;
        }
        changes.fetch_add(if next > 1000 { 2 } else { 1 } * CHURN_BATCH as u64, Ordering::Relaxed);
    }
}
