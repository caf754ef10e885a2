//! Latency while a load runs: a connection that sends messages to itself.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::link::Door;

/// Pause between two probes.
const PAUSE: Duration = Duration::from_millis(2);
const MESSAGE: &[u8] = b"PUB probe.to.itself 2\r\nhi\r\n";
const ANSWER: &[u8] = b"MSG probe.to.itself 1 2\r\nhi\r\n";

/// Round trips of one message after the other until `stop`; at least one.
///
/// # Errors
/// The connection's.
pub(crate) fn probe(door: &Door, stop: &AtomicBool) -> io::Result<Vec<Duration>> {
    let mut link = door.open()?;
    link.write_all(b"SUB probe.to.itself 1\r\n")?;
    link.settle()?;
    let mut times = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let start = Instant::now();
        link.write_all(MESSAGE)?;
        link.flush()?;
        let mut missing = ANSWER.len();
        while missing > 0 {
            match link.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                // A ping of the server in between makes the answer look early by less than the pause.
                count => missing = missing.saturating_sub(count),
            }
        }
        times.push(start.elapsed());
        if stop.load(Ordering::Relaxed) {
            return Ok(times);
        }
        std::thread::sleep(PAUSE);
    }
}

/// 99th percentile in microseconds.
pub(crate) fn p99_us(times: &mut [Duration]) -> f64 {
    if times.is_empty() {
        return f64::NAN;
    }
    times.sort_unstable();
    times[(times.len() * 99 / 100).min(times.len() - 1)].as_secs_f64() * 1e6
}
