//! Connections that come and go.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::Setting;
use crate::link::Door;
use crate::probe::p99_us;
use crate::report::Measured;

const THREADS: usize = 4;

/// Connects, waits for the answer to a ping, closes, from four threads.
pub(super) fn connect_and_leave(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let count = setting.count(4000) / THREADS;
    let cpu = server.cpu()?;
    let start = Instant::now();
    let times = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| come_and_go(&door, count))).collect();
        let times = threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a panic"))?);
        times.collect::<io::Result<Vec<_>>>()
    })?;
    let elapsed = start.elapsed();
    let cpu = server.cpu()?.saturating_sub(cpu);
    let mut times: Vec<Duration> = times.concat();
    let num_connections = times.len() as f64;
    Ok(Measured {
        per_second: num_connections / elapsed.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / num_connections,
        p99_us: p99_us(&mut times),
        rss_kib: server.rss_kib()?,
        more: Vec::new(),
    })
}

fn come_and_go(door: &Door, count: usize) -> io::Result<Vec<Duration>> {
    (0..count)
        .map(|_| {
            let start = Instant::now();
            drop(door.open()?);
            Ok(start.elapsed())
        })
        .collect()
}
