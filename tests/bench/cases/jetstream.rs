//! Streams and consumers on one server.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::Setting;
use crate::inlet::Inlet;
use crate::link::Door;
use crate::probe::p99_us;
use crate::report::Measured;
use crate::server::MeasuredServer;

/// Payload of a message, in bytes.
const SIZE: usize = 128;
/// Messages of one request of a consumer.
const BATCH: usize = 500;

/// When what is acknowledged is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    /// As the server has it: Troupe before the acknowledgement, nats-server within two minutes.
    Default,
    /// Within two minutes.
    Lazy,
    /// Before the acknowledgement.
    Always,
}

impl Sync {
    fn config(self) -> &'static str {
        match self {
            Self::Default => "jetstream { store_dir: data }",
            Self::Lazy => "jetstream { store_dir: data, sync_interval: \"2m\" }",
            Self::Always => "jetstream { store_dir: data, sync_interval: always }",
        }
    }
}

/// `count` messages to one stream, `window` of them on their way at a time.
pub(super) fn publish(
    setting: &Setting<'_>,
    (count, window): (usize, usize),
    storage: &str,
    sync: Sync,
) -> io::Result<Measured> {
    let (server, door) = setting.start(sync.config());
    let count = setting.count(count);
    create_stream(&door, "S", "\"subjects\":[\"s\"]", storage)?;
    measured(&server, count, || stored(&door, &|_| "s".to_owned(), count, window))
}

/// Messages to a hundred streams over four connections, sixteen on their way to each stream.
pub(super) fn hundred_streams(setting: &Setting<'_>) -> io::Result<Measured> {
    const CONNECTIONS: usize = 4;
    const STREAMS: usize = 100;
    let (server, door) = setting.start(Sync::Always.config());
    let count = setting.count(40_000) / CONNECTIONS;
    for stream in 0..STREAMS {
        create_stream(&door, &format!("S{stream}"), &format!("\"subjects\":[\"s.{stream}\"]"), "file")?;
    }
    let each = STREAMS / CONNECTIONS;
    measured(&server, count * CONNECTIONS, || {
        thread::scope(|scope| {
            let start = |connection: usize| {
                let subject = move |number: usize| format!("s.{}", connection * each + number % each);
                let door = &door;
                scope.spawn(move || stored(door, &subject, count, each * 16))
            };
            let threads: Vec<_> = (0..CONNECTIONS).map(start).collect();
            let times = threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a panic"))?);
            Ok(times.collect::<io::Result<Vec<_>>>()?.concat())
        })
    })
}

/// A consumer fetches all messages of a stream in files, in batches.
pub(super) fn pull(setting: &Setting<'_>, ack_policy: &str) -> io::Result<Measured> {
    let (server, door) = setting.start(Sync::Lazy.config());
    let count = setting.count(200_000) / BATCH * BATCH;
    create_stream(&door, "S", "\"subjects\":[\"s\"]", "file")?;
    stored(&door, &|_| "s".to_owned(), count, BATCH)?;
    let mut inlet = Inlet::open(&door)?;
    let body = format!(
        "{{\"stream_name\":\"S\",\"config\":{{\"durable_name\":\"C\",\"ack_policy\":\"{ack_policy}\",\"max_ack_pending\":20000}}}}"
    );
    request(&mut inlet, "$JS.API.CONSUMER.CREATE.S.C", &body)?;
    measured(&server, count, || fetch(&mut inlet, count, ack_policy != "none"))
}

/// Values of a bucket are put, or got, one after the other.
pub(super) fn key_value(setting: &Setting<'_>, is_get: bool) -> io::Result<Measured> {
    let (server, door) = setting.start(Sync::Lazy.config());
    let count = setting.count(10_000);
    let config = "\"subjects\":[\"$KV.B.>\"],\"max_msgs_per_subject\":1,\"discard\":\"new\",\"allow_rollup_hdrs\":true,\"deny_delete\":true,\"allow_direct\":true";
    create_stream(&door, "KV_B", config, "file")?;
    let key = |number: usize| format!("$KV.B.key.{}", number % 1000);
    if !is_get {
        return measured(&server, count, || stored(&door, &key, count, 1));
    }
    stored(&door, &key, 1000, 100)?;
    let mut inlet = Inlet::open(&door)?;
    measured(&server, count, || {
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let start = Instant::now();
            request(&mut inlet, &format!("$JS.API.DIRECT.GET.KV_B.{}", key(number)), "")?;
            times.push(start.elapsed());
        }
        Ok(times)
    })
}

/// What a load that yields its latencies costs the server.
fn measured(
    server: &MeasuredServer,
    count: usize,
    load: impl FnOnce() -> io::Result<Vec<Duration>>,
) -> io::Result<Measured> {
    let cpu = server.cpu()?;
    let start = Instant::now();
    let mut times = load()?;
    let elapsed = start.elapsed();
    let cpu = server.cpu()?.saturating_sub(cpu);
    Ok(Measured {
        per_second: count as f64 / elapsed.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
        p99_us: p99_us(&mut times),
        rss_kib: server.rss_kib()?,
        more: Vec::new(),
    })
}

/// Sends a request and waits for its answer.
fn request(inlet: &mut Inlet, subject: &str, body: &str) -> io::Result<()> {
    inlet.send(format!("PUB {subject} {}.0 {}\r\n{body}\r\n", inlet.inbox(), body.len()).as_bytes())?;
    let answer = inlet.next()?;
    if answer.headers.starts_with(b"NATS/1.0 ") || is_refusal(answer.payload) {
        let reason = [answer.headers, answer.payload].concat();
        let text = format!("{subject}: {}", String::from_utf8_lossy(&reason));
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(())
}

fn is_refusal(payload: &[u8]) -> bool {
    payload.windows(8).take(64).any(|part| part == b"\"error\":")
}

fn create_stream(door: &Door, name: &str, config: &str, storage: &str) -> io::Result<()> {
    let body = format!("{{\"name\":\"{name}\",{config},\"storage\":\"{storage}\",\"retention\":\"limits\"}}");
    request(&mut Inlet::open(door)?, &format!("$JS.API.STREAM.CREATE.{name}"), &body)
}

/// Publishes to streams and waits for the acknowledgements; how long each took.
fn stored(door: &Door, subject: &dyn Fn(usize) -> String, count: usize, window: usize) -> io::Result<Vec<Duration>> {
    let mut inlet = Inlet::open(door)?;
    let inbox = inlet.inbox().to_owned();
    let payload = "x".repeat(SIZE);
    let (mut starts, mut times) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut ops = String::new();
    while times.len() < count {
        ops.clear();
        while starts.len() < count && starts.len() - times.len() < window {
            let number = starts.len();
            ops += &format!("PUB {} {inbox}.{number} {SIZE}\r\n{payload}\r\n", subject(number));
            starts.push(Instant::now());
        }
        inlet.send(ops.as_bytes())?;
        let mut next = Some(inlet.next()?);
        while let Some(ack) = next {
            if is_refusal(ack.payload) {
                let text = String::from_utf8_lossy(ack.payload).into_owned();
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            let number =
                std::str::from_utf8(&ack.subject[inbox.len() + 1..]).ok().and_then(|text| text.parse::<usize>().ok());
            let start = number.and_then(|number| starts.get(number)).ok_or(io::ErrorKind::InvalidData)?;
            times.push(start.elapsed());
            next = inlet.take()?;
        }
    }
    Ok(times)
}

/// Fetches messages in batches, the next batch being asked for before the last one is complete.
fn fetch(inlet: &mut Inlet, count: usize, acks: bool) -> io::Result<Vec<Duration>> {
    let body = format!("{{\"batch\":{BATCH}}}");
    let next = format!("PUB $JS.API.CONSUMER.MSG.NEXT.S.C {}.0 {}\r\n{body}\r\n", inlet.inbox(), body.len());
    inlet.send(next.as_bytes())?;
    let mut asked = BATCH;
    let (mut received, mut ops) = (0, Vec::new());
    let mut times = Vec::with_capacity(count / BATCH);
    let mut start = Instant::now();
    while received < count {
        let mut message = Some(inlet.next()?);
        while let Some(one) = message {
            if one.headers.starts_with(b"NATS/1.0 ") {
                let text = String::from_utf8_lossy(one.headers).into_owned();
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            received += 1;
            if acks {
                ops.extend_from_slice(b"PUB ");
                ops.extend_from_slice(one.reply);
                ops.extend_from_slice(b" 4\r\n+ACK\r\n");
            }
            if received % BATCH == 0 {
                times.push(start.elapsed());
                start = Instant::now();
            }
            message = inlet.take()?;
        }
        if asked < count && asked - received < BATCH / 2 {
            ops.extend_from_slice(next.as_bytes());
            asked += BATCH;
        }
        inlet.send(&ops)?;
        ops.clear();
    }
    Ok(times)
}
