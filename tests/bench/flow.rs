//! Publishers and counting readers.
//!
//! Everything a publisher sends is built before the clock starts, and a reader only counts bytes, so that the generator is
//! not what is measured.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::link::{Door, Link};
use super::probe::{p99_us, probe};
use super::report::Measured;
use super::server::MeasuredServer;

/// Longest time a load may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Bytes of one write of a publisher, and room of one read.
const PIECE: usize = 64 * 1024;

/// What one publisher sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed {
    /// Whole operations.
    pub(crate) bytes: Vec<u8>,
    /// How often.
    pub(crate) times: usize,
}

impl Feed {
    /// Sends `bytes` once.
    pub(crate) fn once(bytes: Vec<u8>) -> Self {
        Self { bytes, times: 1 }
    }
}

/// One reading connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// Its subscriptions.
    pub(crate) subscribe: Vec<u8>,
    /// It reads one piece, then pauses for this long, and its bytes are not waited for.
    pub(crate) pause: Option<Duration>,
}

/// A load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// Who publishes.
    pub(crate) feeds: Vec<Feed>,
    /// Who reads.
    pub(crate) readers: Vec<Reader>,
    /// Bytes after which the readers without a pause have everything.
    pub(crate) expected_bytes: u64,
    /// Messages that are delivered to them.
    pub(crate) num_messages: u64,
}

impl Flow {
    /// Runs the load to its end.
    ///
    /// # Errors
    /// A connection failed, or the messages did not arrive in time.
    pub(crate) fn run(self, server: &MeasuredServer, door: &Door) -> io::Result<Measured> {
        let audience = Audience::open(door, &self.readers)?;
        self.run_for(audience, server, door)
    }

    /// The same for readers that are connected already.
    ///
    /// # Errors
    /// As [`Flow::run`].
    pub(crate) fn run_for(self, audience: Audience, server: &MeasuredServer, door: &Door) -> io::Result<Measured> {
        let Self { feeds, expected_bytes, num_messages, .. } = self;
        let publishers = feeds.iter().map(|_| door.open()).collect::<io::Result<Vec<_>>>()?;
        let closers = publishers.iter().chain(audience.links()).map(Link::closer).collect::<io::Result<Vec<_>>>()?;
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let prober = scope.spawn(|| probe(door, &stop));
            let cpu = server.cpu()?;
            let start = Instant::now();
            let done = audience.listen(expected_bytes);
            for (mut link, feed) in publishers.into_iter().zip(feeds) {
                scope.spawn(move || publish(&mut link, &feed));
            }
            let outcome = done.recv_timeout(LIMIT);
            let cpu = server.cpu()?.saturating_sub(cpu);
            let rss_kib = server.rss_kib()?;
            stop.store(true, Ordering::Relaxed);
            drop(closers);
            let mut times = prober.join().map_err(|_| io::Error::other("the probe panicked"))??;
            let end = outcome.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "messages are missing"))?;
            Ok(Measured {
                per_second: num_messages as f64 / end.duration_since(start).as_secs_f64(),
                cpu_us: cpu.as_secs_f64() * 1e6 / num_messages as f64,
                p99_us: p99_us(&mut times),
                rss_kib,
                more: Vec::new(),
            })
        })
    }
}

/// Sends a feed. An error ends it: the readers then miss messages.
fn publish(link: &mut Link, feed: &Feed) {
    for _ in 0..feed.times {
        for piece in feed.bytes.chunks(PIECE) {
            if link.write_all(piece).is_err() {
                return;
            }
        }
    }
    link.flush().ok();
}

/// Connected readers.
#[derive(Debug)]
pub(crate) struct Audience {
    readers: Vec<(Link, Option<Duration>)>,
}

impl Audience {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// A connection failed.
    pub(crate) fn open(door: &Door, readers: &[Reader]) -> io::Result<Self> {
        let open = |reader: &Reader| {
            let mut link = door.open()?;
            link.write_all(&reader.subscribe)?;
            link.settle()?;
            Ok((link, reader.pause))
        };
        Ok(Self { readers: readers.iter().map(open).collect::<io::Result<_>>()? })
    }

    /// Readers over connections that subscribed already.
    pub(crate) fn of(links: Vec<Link>) -> Self {
        Self { readers: links.into_iter().map(|link| (link, None)).collect() }
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.readers.iter().map(|(link, _)| link)
    }

    /// Starts a thread for each reader; the time when all bytes were there comes through the channel. The threads end with
    /// their connections.
    fn listen(self, expected_bytes: u64) -> Receiver<Instant> {
        let (sender, receiver) = channel();
        let total = Arc::new(AtomicU64::new(0));
        for (mut link, pause) in self.readers {
            let (sender, total) = (sender.clone(), Arc::clone(&total));
            thread::spawn(move || match pause {
                None => count(&mut link, &total, expected_bytes, &sender),
                Some(pause) => dawdle(&mut link, pause),
            });
        }
        receiver
    }
}

fn count(link: &mut Link, total: &AtomicU64, expected: u64, done: &Sender<Instant>) {
    let mut buffer = vec![0; PIECE * 4];
    while let Ok(bytes @ 1..) = link.read(&mut buffer) {
        let before = total.fetch_add(bytes as u64, Ordering::Relaxed);
        if before < expected && before + bytes as u64 >= expected {
            done.send(Instant::now()).ok();
        }
    }
}

fn dawdle(link: &mut Link, pause: Duration) {
    let mut buffer = vec![0; PIECE];
    while let Ok(1..) = link.read(&mut buffer) {
        thread::sleep(pause);
    }
}
