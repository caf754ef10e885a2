//! Requests and their answers.

use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::Setting;
use crate::link::{Door, Link};
use crate::probe::p99_us;
use crate::report::Measured;

/// Where answers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inbox {
    /// To one subscription for all, as today's clients have it.
    Standing,
    /// To a subscription of its own for each, ended by the server after one message, as old clients have it.
    Each,
}

/// `pairs` requesters at once, each with a responder of its own.
pub(super) fn requests(setting: &Setting<'_>, pairs: usize, inbox: Inbox) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let count = setting.count(24_000).div_ceil(pairs);
    let responders = (0..pairs).map(|pair| responder(&door, pair)).collect::<io::Result<Vec<_>>>()?;
    let requesters = (0..pairs).map(|_| door.open()).collect::<io::Result<Vec<_>>>()?;
    let closers = responders.iter().map(Link::closer).collect::<io::Result<Vec<_>>>()?;
    responders.into_iter().for_each(|link| drop(thread::spawn(move || respond(link))));
    let cpu = server.cpu()?;
    let start = Instant::now();
    let times = thread::scope(|scope| {
        let threads: Vec<_> = requesters
            .into_iter()
            .enumerate()
            .map(|(pair, link)| scope.spawn(move || request(link, pair, count, inbox)))
            .collect();
        let times = threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a panic"))?);
        times.collect::<io::Result<Vec<_>>>()
    })?;
    let elapsed = start.elapsed();
    let cpu = server.cpu()?.saturating_sub(cpu);
    let rss_kib = server.rss_kib()?;
    drop(closers);
    let mut times: Vec<Duration> = times.concat();
    let num_requests = times.len() as f64;
    Ok(Measured {
        per_second: num_requests / elapsed.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / num_requests,
        p99_us: p99_us(&mut times),
        rss_kib,
        more: Vec::new(),
    })
}

fn responder(door: &Door, pair: usize) -> io::Result<Link> {
    let mut link = door.open()?;
    link.write_all(format!("SUB service.{pair} 1\r\n").as_bytes())?;
    link.settle()?;
    Ok(link)
}

/// Answers until the connection ends. A requester has one request on its way, so a read holds at most one.
fn respond(mut link: Link) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = link.read(&mut buffer) {
        let line = String::from_utf8_lossy(&buffer[..count]);
        // A ping of the server may stand in front.
        let Some((_, message)) = line.split_once("MSG ") else { continue };
        let Some(reply) = message.split(' ').nth(2) else { continue };
        if link.write_all(format!("PUB {reply} 2\r\nok\r\n").as_bytes()).is_err() {
            return;
        }
    }
}

fn request(mut link: Link, pair: usize, count: usize, kind: Inbox) -> io::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    let mut buffer = [0; 4096];
    if kind == Inbox::Standing {
        link.write_all(format!("SUB _INBOX.{pair:02}.* 1\r\n").as_bytes())?;
        link.settle()?;
    }
    for number in 1..=count {
        let inbox = format!("_INBOX.{pair:02}.{number:07}");
        let publish = format!("PUB service.{pair} {inbox} 2\r\nhi\r\n");
        let ops = match kind {
            Inbox::Standing => publish,
            Inbox::Each => format!("SUB {inbox} {number}\r\nUNSUB {number} 1\r\n{publish}"),
        };
        let start = Instant::now();
        link.write_all(ops.as_bytes())?;
        let mut answer = Vec::new();
        while !answer.windows(6).any(|part| part == b"\r\nok\r\n") {
            match link.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                bytes => answer.extend_from_slice(&buffer[..bytes]),
            }
        }
        times.push(start.elapsed());
    }
    Ok(times)
}
