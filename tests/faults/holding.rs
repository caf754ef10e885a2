//! What servers hold on to: connections to each other, descriptors, memory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use troupe_tests::cluster::Node;

/// Time in which all servers must have all their connections, and nothing else any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for which nothing changes once a cluster is complete: longer than the pause before a connection is opened again.
const CALM: Duration = Duration::from_secs(2);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// Descriptors that may be open for a moment: clients that come and go.
const SOME_DESCRIPTORS: usize = 4;
/// Bytes a server may take more than before: buffers that were needed once, and what allocators keep.
const SOME_MEMORY: usize = 24 << 20;

/// What one server holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    routes: usize,
    descriptors: usize,
    memory: usize,
}

impl Holding {
    /// What a server holds now; `None` while it does not tell.
    fn of(node: &Node) -> Option<Self> {
        let pid = node.process.pid();
        let routes = num_routes(node.process.wait_address("Starting http monitor on "))?;
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        // Pages of the program itself come and go as the system likes.
        let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        let memory: usize = memory.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(Self { routes, descriptors, memory: memory * 1024 })
    }

    /// What it has too much, compared with before.
    fn excess(&self, before: &Self) -> Option<String> {
        if self.routes != before.routes {
            return Some(format!("{} routes, {} before", self.routes, before.routes));
        }
        if self.descriptors > before.descriptors + SOME_DESCRIPTORS {
            return Some(format!("{} open descriptors, {} before", self.descriptors, before.descriptors));
        }
        let is_more = self.memory > before.memory + SOME_MEMORY;
        is_more.then(|| format!("{} bytes of memory, {} before", self.memory, before.memory))
    }
}

/// What each server holds once all have connected to all others: each has as many connections as the others, and that stays so.
pub(crate) fn when_complete(nodes: &[&Node]) -> Result<Vec<Holding>, String> {
    let deadline = Instant::now() + PATIENCE;
    let (mut since, mut seen) = (Instant::now(), 0);
    loop {
        let holdings: Vec<_> = nodes.iter().filter_map(|node| Holding::of(node)).collect();
        let routes = holdings.first().map_or(0, |first| first.routes);
        let is_complete = holdings.len() == nodes.len()
            && (routes > 0 || nodes.len() == 1)
            && holdings.iter().all(|holding| holding.routes == routes);
        if !is_complete || routes != seen {
            (since, seen) = (Instant::now(), routes);
        }
        if is_complete && since.elapsed() >= CALM {
            return Ok(holdings);
        }
        if Instant::now() > deadline {
            return Err(format!("the servers are not all connected to each other: {holdings:?}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits until each server holds what it held before, and no more. Those that may spend memory are not asked for it.
pub(crate) fn as_before(nodes: &[&Node], before: &[Holding], spends: &[bool]) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut excess = None;
        for (number, ((node, before), spends)) in nodes.iter().zip(before).zip(spends).enumerate() {
            let before = if *spends { Holding { memory: usize::MAX / 2, ..*before } } else { *before };
            let now = Holding::of(node);
            let own = now.map_or_else(|| Some("no answer to /routez".to_owned()), |now| now.excess(&before));
            excess = excess.or_else(|| own.map(|own| format!("server {number} has {own}")));
        }
        match excess {
            None => return Ok(()),
            Some(excess) if Instant::now() > deadline => return Err(excess),
            Some(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Connections to other servers, as the monitor tells.
fn num_routes(monitor: SocketAddr) -> Option<usize> {
    let mut stream = TcpStream::connect_timeout(&monitor, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET /routez HTTP/1.1\r\nHost: monitor\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, rest) = answer.split_once("\"num_routes\":")?;
    rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}
