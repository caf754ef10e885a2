//! Servers that read slowly, not at all, or talk too much.

use std::time::{Duration, Instant};

use troupe_tests::RawClient;
use troupe_tests::cluster::{ClusterConfig, Kind, Node};
use troupe_tests::wait::PATIENCE;

use crate::common::{R, T};
use crate::played::Played;

/// Bytes of one message.
const SIZE: usize = 64 * 1024;
/// Messages of a flood: more than the kernel keeps for a peer that does not read.
const COUNT: usize = 400;
/// Memory a server may take for one of them.
const MEMORY: usize = 150 << 20;

fn nodes(lines: &str) -> impl Iterator<Item = (Kind, Node)> {
    let config = ClusterConfig { cluster: lines.to_owned(), ..ClusterConfig::default() };
    [R, T].into_iter().filter_map(move |kind| Some((kind, Node::start(kind, "n0", "c1", &[], &config)?)))
}

fn resident(node: &Node) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory is told");
    let kilobytes: usize = line.trim().trim_end_matches("kB").trim().parse().expect("a number of kB");
    kilobytes * 1024
}

/// Publishes more than the peer behind `subject` reads.
fn flood(client: &mut RawClient, subject: &str) {
    let message = format!("PUB {subject} {SIZE}\r\n{}\r\n", "x".repeat(SIZE));
    for _ in 0..COUNT / 10 {
        client.flush(message.repeat(10));
    }
}

#[test]
fn a_server_that_reads_nothing_is_closed_and_the_others_are_served() {
    for (kind, node) in nodes("write_deadline: \"1s\"") {
        let mut stuck = Played::named("stuck").enter(&node);
        stuck.limit_receive_buffer(4096);
        stuck.flush("RS+ $G flood\r\n");
        let mut fine = Played::named("fine").enter(&node);
        fine.flush("RS+ $G flood.end\r\n");
        let before = resident(&node);
        let mut client = node.client();
        flood(&mut client, "flood");
        client.flush("PUB flood.end 2\r\nhi\r\n");
        fine.expect("RMSG $G flood.end 2");
        node.process.wait_log("Slow Consumer Detected: WriteDeadline of 1s exceeded");
        node.process.wait_log("Router connection closed: Slow Consumer (Write Deadline) - Remote: stuck");
        let grown = resident(&node).saturating_sub(before);
        assert!(grown < MEMORY, "{kind:?} takes {grown} bytes more");
        fine.flush("");
        assert!(!fine.is_closed(), "{kind:?}");
    }
}

#[test]
fn a_server_that_reads_slowly_is_closed_where_that_is_asked() {
    for (kind, node) in nodes("write_deadline: \"1s\"\nwrite_timeout: close") {
        let mut slow = Played::named("slow").enter(&node);
        slow.limit_receive_buffer(4096);
        slow.flush("RS+ $G flood\r\n");
        let mut client = node.client();
        let flooding = std::thread::spawn(move || flood(&mut client, "flood"));
        // It reads now and then only: everything would take much longer than the deadline.
        slow.set_patience(Duration::from_millis(1));
        let closed = "Router connection closed: Slow Consumer (Write Deadline) - Remote: slow";
        let begun = Instant::now();
        while !node.process.log().iter().any(|line| line.contains(closed)) {
            assert!(begun.elapsed() < PATIENCE, "{kind:?} goes on with a slow server");
            slow.wait(|_| false);
            std::thread::sleep(Duration::from_millis(100));
        }
        flooding.join().expect("the publisher was served");
    }
}

#[test]
fn a_server_that_wants_everything_takes_little_memory() {
    const WANTED: usize = 100_000;
    for (kind, node) in nodes("") {
        let mut greedy = Played::named("greedy").enter(&node);
        let mut fine = Played::named("fine").enter(&node);
        let before = resident(&node);
        let wanted: String = (0..WANTED).map(|number| format!("RS+ $G flood.{number}\r\n")).collect();
        greedy.flush(wanted);
        let mut client = node.client();
        client.flush("PUB flood.7 2\r\nhi\r\n");
        greedy.expect("RMSG $G flood.7 2");
        fine.flush("RS+ $G fine\r\n");
        client.flush("PUB fine 2\r\nhi\r\n");
        fine.expect("RMSG $G fine 2");
        let grown = resident(&node).saturating_sub(before);
        assert!(grown < MEMORY, "{kind:?} takes {grown} bytes more for {WANTED} subjects");
        // It leaves, and everything with it.
        greedy.close();
        node.process.wait_log("Router connection closed: Client Closed - Remote: greedy");
        fine.flush("");
        assert!(!fine.is_closed(), "{kind:?}");
    }
}
