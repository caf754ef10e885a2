//! Loads that cross from one server of a cluster to the other.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Setting;
use super::messages::one_subject;
use super::subscriptions::subscribe_all;
use crate::flow::Audience;
use crate::link::Door;
use crate::report::Measured;
use crate::server::MeasuredServer;

/// Longest time for two servers to find each other.
const LIMIT: Duration = Duration::from_secs(20);

/// One publisher on the first server, one subscriber on the second; `lines` go into the `cluster` block of both.
pub(super) fn two_nodes(setting: &Setting<'_>, count: usize, size: usize, lines: &str) -> io::Result<Measured> {
    let config = |name: &str, routes: &str| {
        format!(
            "server_name: {name}\ncluster {{ name: bench, listen: \"127.0.0.1:-1\", routes: [{routes}]\n{lines}\n}}"
        )
    };
    let first = MeasuredServer::start(setting.binary, &config("first", ""));
    let route = format!("\"nats-route://{}\"", first.route());
    let second = MeasuredServer::start(setting.binary, &config("second", &route));
    let (here, there) = (Door::new(first.address()), Door::new(second.address()));
    let flow = one_subject(setting.count(count), size);
    let audience = Audience::open(&there, &flow.readers)?;
    wait_for_interest(&here, &there)?;
    flow.run_for(audience, &first.beside(second), &here)
}

/// Subscriptions of a hundred clients of one server, and another server that joins it: how fast that one learns of all of them, from the
/// moment in which the first connection between the two is there.
pub(super) fn joining(setting: &Setting<'_>) -> io::Result<Measured> {
    const CONNECTIONS: usize = 100;
    let per_connection = setting.count(100_000).div_ceil(CONNECTIONS);
    let count = CONNECTIONS * per_connection;
    let config = |name: &str, routes: &str| {
        let lines = format!("server_name: {name}\nhttp: \"127.0.0.1:-1\"\nlogtime_utc: true\n");
        lines + &format!("cluster {{ name: bench, listen: \"127.0.0.1:-1\", routes: [{routes}] }}")
    };
    let first = MeasuredServer::start(setting.binary, &config("first", ""));
    let door = Door::new(first.address());
    let mut links = (0..CONNECTIONS).map(|_| door.open()).collect::<io::Result<Vec<_>>>()?;
    subscribe_all(&mut links, per_connection)?;
    let before = first.cpu()?;
    let second =
        MeasuredServer::start(setting.binary, &config("second", &format!("\"nats-route://{}\"", first.route())));
    let monitor = second.log_address("Starting http monitor on ");
    let deadline = Instant::now() + LIMIT;
    while num_subscriptions(monitor)? < count {
        if Instant::now() > deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the other server does not learn of all subscriptions",
            ));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let elapsed = second.since_logged("Route connection created")?;
    let cpu = (first.cpu()? - before) + second.cpu()?;
    let both = first.beside(second);
    Ok(Measured {
        per_second: count as f64 / elapsed.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
        p99_us: f64::NAN,
        rss_kib: both.rss_kib()?,
        more: vec![("milliseconds", elapsed.as_secs_f64() * 1e3)],
    })
}

/// Subscriptions a server knows of, those on other servers included.
fn num_subscriptions(monitor: SocketAddr) -> io::Result<usize> {
    let mut stream = TcpStream::connect(monitor)?;
    stream.write_all(b"GET /varz HTTP/1.1\r\nHost: monitor\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let number = answer.split_once("\"subscriptions\":").map_or("", |(_, rest)| rest.trim_start());
    let number = number.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    number.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "/varz tells no subscriptions"))
}

/// Returns when the first server knows what subscribers of the second one want.
fn wait_for_interest(here: &Door, there: &Door) -> io::Result<()> {
    let mut reader = there.open()?;
    reader.write_all(b"SUB ready 1\r\n")?;
    reader.settle()?;
    let mut publisher = here.open()?;
    let closer = reader.closer()?;
    let found = std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        reader.read(&mut buffer).is_ok_and(|read| read > 0)
    });
    let deadline = Instant::now() + LIMIT;
    while !found.is_finished() {
        if Instant::now() > deadline {
            drop(closer);
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the servers do not find each other"));
        }
        publisher.write_all(b"PUB ready 0\r\n\r\n")?;
        publisher.flush()?;
        std::thread::sleep(Duration::from_millis(5));
    }
    found.join().map(|_| ()).map_err(|_| io::Error::other("the reader panicked"))
}
