//! Numbered messages, and what may be said of those that arrive.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use troupe_tests::cluster::Kind;

/// Pause between two messages of a publisher, and between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(2);

/// Where a node's clients connect to; changes when it is started again.
pub(crate) type Place = Arc<Mutex<SocketAddr>>;

/// One publisher and one subscriber per node, and one subscriber of another account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workload {
    is_over: Arc<AtomicBool>,
    /// Numbers published so far, by publisher.
    sent: Arc<Mutex<HashMap<usize, Arc<AtomicU64>>>>,
    /// Last number seen, by subscriber and publisher.
    seen: Arc<Mutex<HashMap<(usize, usize), u64>>>,
    faults: Arc<Mutex<Vec<String>>>,
    /// Servers by number that are nats-servers.
    references: Arc<HashSet<usize>>,
}

impl Workload {
    /// Nobody yet, in a cluster of such servers.
    pub(crate) fn of(kinds: &[Kind]) -> Self {
        let references = kinds.iter().enumerate().filter(|(_, kind)| **kind == Kind::Reference);
        Self { references: Arc::new(references.map(|(number, _)| number).collect()), ..Self::default() }
    }

    /// Starts the clients of a node.
    pub(crate) fn start(&self, number: usize, place: &Place) {
        let sent = Arc::new(AtomicU64::new(0));
        self.sent.lock().expect("no panic").insert(number, Arc::clone(&sent));
        let (own, there) = (self.clone(), Arc::clone(place));
        std::thread::spawn(move || own.repeat(&there, |stream| own.publish(stream, number, &sent)));
        let (own, there) = (self.clone(), Arc::clone(place));
        std::thread::spawn(move || own.repeat(&there, |stream| own.subscribe(stream, number)));
        let (own, there) = (self.clone(), Arc::clone(place));
        std::thread::spawn(move || own.repeat(&there, |stream| own.listen_elsewhere(stream)));
    }

    /// Ends all clients.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// What went wrong so far.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().expect("no panic").clone()
    }

    /// Pairs of subscriber and publisher between which nothing newer than `marks` has arrived.
    pub(crate) fn silent(&self, marks: &HashMap<usize, u64>, nodes: usize) -> Vec<(usize, usize)> {
        let seen = self.seen.lock().expect("no panic");
        let pairs = (0..nodes).flat_map(|to| (0..nodes).map(move |from| (to, from)));
        pairs.filter(|pair| seen.get(pair).copied().unwrap_or(0) <= marks[&pair.1]).collect()
    }

    /// Numbers published so far.
    pub(crate) fn marks(&self) -> HashMap<usize, u64> {
        let sent = self.sent.lock().expect("no panic");
        sent.iter().map(|(number, sent)| (*number, sent.load(Ordering::Relaxed))).collect()
    }

    fn repeat(&self, place: &Place, session: impl Fn(TcpStream) -> Option<()>) {
        while !self.is_over.load(Ordering::Relaxed) {
            let address = *place.lock().expect("no panic");
            if let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
                stream.set_read_timeout(Some(Duration::from_secs(1))).ok();
                stream.set_write_timeout(Some(Duration::from_secs(1))).ok();
                session(stream);
            }
            std::thread::sleep(PAUSE * 10);
        }
    }

    fn publish(&self, mut stream: TcpStream, number: usize, sent: &AtomicU64) -> Option<()> {
        stream.write_all(b"CONNECT {\"user\":\"a\",\"pass\":\"a\",\"verbose\":false}\r\n").ok()?;
        while !self.is_over.load(Ordering::Relaxed) {
            // A number whose writing failed may have gone out all the same: it is not used again.
            let next = (sent.fetch_add(1, Ordering::Relaxed) + 1).to_string();
            stream.write_all(format!("PUB work.{number} {}\r\n{next}\r\n", next.len()).as_bytes()).ok()?;
            std::thread::sleep(PAUSE);
        }
        Some(())
    }

    fn subscribe(&self, mut stream: TcpStream, number: usize) -> Option<()> {
        stream.write_all(b"CONNECT {\"user\":\"a\",\"pass\":\"a\",\"verbose\":false}\r\nSUB work.* 1\r\n").ok()?;
        for (from, count) in messages(&mut stream, &self.is_over) {
            let last = self.seen.lock().expect("no panic").insert((number, from), count);
            // Between two nats-servers: each may read on from a stale route after it has opened another one.
            let is_theirs = self.references.contains(&number) && self.references.contains(&from);
            if last.is_some_and(|last| last >= count) && !is_theirs {
                let text = format!("subscriber {number} got message {count} of publisher {from} after {last:?}");
                self.faults.lock().expect("no panic").push(text);
            }
        }
        Some(())
    }

    /// A subscriber to everything in an account nobody publishes in.
    fn listen_elsewhere(&self, mut stream: TcpStream) -> Option<()> {
        stream.write_all(b"CONNECT {\"user\":\"b\",\"pass\":\"b\",\"verbose\":false}\r\nSUB > 1\r\n").ok()?;
        for (from, count) in messages(&mut stream, &self.is_over) {
            let text = format!("message {count} of publisher {from} reached another account");
            self.faults.lock().expect("no panic").push(text);
        }
        Some(())
    }
}

/// Publisher and number of each message, up to the end of the connection.
fn messages<'a>(stream: &'a mut TcpStream, is_over: &'a AtomicBool) -> impl Iterator<Item = (usize, u64)> + 'a {
    let mut answers = stream.try_clone().expect("a socket can be cloned");
    let mut lines = BufReader::new(stream);
    let mut text = String::new();
    std::iter::from_fn(move || {
        loop {
            match lines.read_line(&mut text) {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    if is_over.load(Ordering::Relaxed) {
                        return None;
                    }
                    continue;
                }
                _ => return None,
            }
            let line = std::mem::take(&mut text);
            if line.starts_with("PING") {
                answers.write_all(b"PONG\r\n").ok()?;
            }
            let Some(subject) = line.strip_prefix("MSG work.") else { continue };
            let from = subject.split(' ').next()?.parse().ok()?;
            while !text.ends_with('\n') {
                match lines.read_line(&mut text) {
                    Ok(1..) => {}
                    Err(error)
                        if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                    _ => return None,
                }
            }
            let count = std::mem::take(&mut text).trim().parse().ok()?;
            return Some((from, count));
        }
    })
}
