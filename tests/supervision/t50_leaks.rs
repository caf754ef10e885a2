//! Connections that are gone leave nothing behind: no descriptor, hardly any memory.

use troupe_tests::wait::eventually;
use troupe_tests::{RawClient, Server};

use crate::received::publish;

/// Descriptors a server may hold beyond what it held before: sockets the kernel has just closed.
const SPARE_DESCRIPTORS: usize = 4;
/// Kilobytes a server may keep beyond what it held after the first connections: fragments, and one remembered index.
const SPARE_KILOBYTES: usize = 12 * 1024;

fn num_descriptors(server: &Server) -> usize {
    let directory = format!("/proc/{}/fd", server.pid());
    std::fs::read_dir(directory).expect("the process runs").count()
}

/// Resident memory in kilobytes.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system tells the memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Publishers on every arbiter, so that every match cache gets to know the subscriptions.
fn publishers(server: &Server) -> Vec<RawClient> {
    (0..std::thread::available_parallelism().map_or(1, usize::from)).map(|_| server.connect()).collect()
}

/// Connects, subscribes, receives from everybody, leaves.
fn cycle(server: &Server, publishers: &mut [RawClient], number: usize) {
    let mut client = server.connect();
    client.flush(format!("SUB cycle.{} 1\r\nSUB cycle.> 2\r\n", number % 7));
    for publisher in publishers {
        publisher.flush(publish(&format!("cycle.{}", number % 7), "hello"));
    }
    client.flush("");
    assert!(client.count("PONG") == 2);
}

#[test]
fn descriptors_are_closed_while_caches_remember_the_connection() {
    let server = Server::troupe("");
    let mut publishers = publishers(&server);
    cycle(&server, &mut publishers, 0);
    let before = num_descriptors(&server);
    for number in 0..500 {
        cycle(&server, &mut publishers, number);
    }
    eventually("the descriptors are closed", || (num_descriptors(&server) <= before + SPARE_DESCRIPTORS).then_some(()));
}

/// Connections that are reset rather than closed.
#[test]
fn descriptors_are_closed_after_resets() {
    let server = Server::troupe("");
    let mut publishers = publishers(&server);
    cycle(&server, &mut publishers, 0);
    let before = num_descriptors(&server);
    for number in 0..200 {
        let mut client = server.connect();
        client.flush(format!("SUB cycle.{} 1\r\n", number % 7));
        // Unread bytes make the kernel send a reset.
        publishers[0].flush(publish(&format!("cycle.{}", number % 7), &"x".repeat(1000)));
        drop(client);
    }
    eventually("the descriptors are closed", || (num_descriptors(&server) <= before + SPARE_DESCRIPTORS).then_some(()));
}

#[test]
fn memory_returns_after_many_connections() {
    let server = Server::troupe("");
    let mut publishers = publishers(&server);
    (0..500).for_each(|number| cycle(&server, &mut publishers, number));
    let before = resident(&server);
    for number in 0..10_000 {
        // Most just come, subscribe and go.
        if number % 10 == 0 {
            cycle(&server, &mut publishers, number);
        } else {
            server.connect().flush(format!("SUB cycle.{} 1\r\nSUB cycle.> 2\r\n", number % 7));
        }
    }
    publishers[0].flush("");
    let after = resident(&server);
    assert!(after < before + SPARE_KILOBYTES, "{before} kB before, {after} kB after");
}
