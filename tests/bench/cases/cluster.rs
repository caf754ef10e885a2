//! Loads that cross from one server of a cluster to the other.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::Setting;
use super::messages::one_subject;
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
