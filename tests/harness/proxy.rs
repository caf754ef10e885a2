//! A TCP proxy that disturbs what goes through it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to bytes and connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    #[default]
    None,
    /// Each piece waits.
    Delay(Duration),
    /// Nothing goes through, and nobody is told: a black hole.
    Stall,
    /// Connections are closed, in the middle of whatever they carry, and new ones at once.
    Cut,
    /// Few bytes at a time.
    Throttle,
}

#[derive(Debug, Default)]
struct Shared {
    disturbance: Disturbance,
    open: Vec<Open>,
}

/// Both sides of a connection.
#[derive(Debug)]
struct Open {
    streams: [TcpStream; 2],
    has_ended: Arc<AtomicBool>,
}

/// A listener in front of another one. Ends with the process that made it.
#[derive(Clone, Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    target: Arc<Mutex<Option<SocketAddr>>>,
}

impl Default for Proxy {
    fn default() -> Self {
        Self::new()
    }
}

impl Proxy {
    /// A proxy that leads nowhere until [`Proxy::lead_to`].
    ///
    /// # Panics
    /// Panics when there is no free port.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let proxy = Self { address, shared: Arc::default(), target: Arc::default() };
        let accepting = proxy.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| accepting.open(stream)));
        proxy
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads to `target` from now on.
    ///
    /// # Panics
    /// Panics when another thread panicked with the proxy in hand.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().expect("no panic in the proxy") = Some(target);
    }

    /// Disturbs what goes through from now on.
    ///
    /// # Panics
    /// As [`Proxy::lead_to`].
    pub fn disturb(&self, disturbance: Disturbance) {
        let mut shared = self.shared.lock().expect("no panic in the proxy");
        shared.disturbance = disturbance;
        if disturbance == Disturbance::Cut {
            let streams = shared.open.drain(..).flat_map(|open| open.streams);
            streams.for_each(|stream| _ = stream.shutdown(Shutdown::Both));
        }
    }

    fn disturbance(&self) -> Disturbance {
        self.shared.lock().expect("no panic in the proxy").disturbance
    }

    fn open(&self, from: TcpStream) {
        let target = *self.target.lock().expect("no panic in the proxy");
        let to = target
            .filter(|_| self.disturbance() != Disturbance::Cut)
            .and_then(|target| TcpStream::connect(target).ok());
        let Some(to) = to else { return };
        let streams = [from.try_clone(), to.try_clone(), from.try_clone(), to.try_clone()];
        let [Ok(first), Ok(second), Ok(third), Ok(fourth)] = streams else { return };
        let has_ended = Arc::<AtomicBool>::default();
        let mut shared = self.shared.lock().expect("no panic in the proxy");
        shared.open.retain(|open| !open.has_ended.load(Ordering::Relaxed));
        shared.open.push(Open { streams: [third, fourth], has_ended: Arc::clone(&has_ended) });
        drop(shared);
        for (read, write) in [(from, second), (to, first)] {
            let (proxy, has_ended) = (self.clone(), Arc::clone(&has_ended));
            std::thread::spawn(move || {
                proxy.pump(read, write);
                has_ended.store(true, Ordering::Relaxed);
            });
        }
    }

    fn pump(&self, mut read: TcpStream, mut write: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(len @ 1..) = read.read(&mut buffer) {
            let mut piece = len;
            match self.disturbance() {
                Disturbance::None | Disturbance::Cut => {}
                Disturbance::Delay(delay) => std::thread::sleep(delay),
                Disturbance::Throttle => piece = 64,
                Disturbance::Stall => {
                    while self.disturbance() == Disturbance::Stall {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            }
            for part in buffer[..len].chunks(piece) {
                if write.write_all(part).is_err() {
                    break;
                }
                if piece < len {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        let _ = read.shutdown(Shutdown::Both);
        let _ = write.shutdown(Shutdown::Both);
    }
}
