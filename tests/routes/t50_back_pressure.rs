//! Publishers on one server that are faster than readers on another one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Node, sync};
use troupe_tests::wait::eventually;

use crate::common::{R, T, in_mixes};

/// Bytes of one message.
const SIZE: usize = 32 * 1024;
/// What messages are filled with, and nothing else contains.
const FILL: u8 = 7;
/// Longest time something small may take beside a flood, on a small machine that does much else.
const QUICK: Duration = Duration::from_secs(5);

/// Publishes `count` large messages as fast as the server takes them.
fn flood(node: &Node, subject: &'static str, count: usize) -> JoinHandle<()> {
    let address = node.process.address();
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_write_timeout(Some(Duration::from_secs(30))).expect("not zero");
        let mut message = format!("PUB {subject} {SIZE}\r\n").into_bytes();
        message.resize(message.len() + SIZE, FILL);
        message.extend_from_slice(b"\r\n");
        stream.write_all(b"CONNECT {\"verbose\":false}\r\n").expect("the server reads");
        for _ in 0..count {
            stream.write_all(&message).expect("the server goes on reading");
        }
        until_pong(&mut stream);
    })
}

/// Returns when everything that was written is dealt with.
fn until_pong(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("not zero");
    stream.write_all(b"PING\r\n").expect("the server reads");
    let (mut read, mut block) = (Vec::new(), [0; 4096]);
    while !read.windows(6).any(|bytes| bytes == b"PONG\r\n") {
        let len = stream.read(&mut block).expect("the server answers");
        assert!(len > 0, "the server closed the connection");
        read.extend_from_slice(&block[..len]);
    }
}

/// Resident memory of a server, in bytes.
fn resident(node: &Node) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory is told");
    let kilobytes: usize = line.trim().trim_end_matches("kB").trim().parse().expect("a number of kB");
    kilobytes * 1024
}

/// A subscriber that other servers know of.
fn subscriber(cluster: &Cluster, place: usize, subject: &str) -> RawClient {
    let mut client = cluster.nodes[place].client();
    client.flush(format!("SUB {subject} 1\r\n"));
    for node in cluster.nodes.iter().enumerate().filter(|(number, _)| *number != place).map(|(_, node)| node) {
        let mut sender = node.client();
        let before = client.frames().len();
        eventually("interest on the other server", || {
            sender.flush(format!("PUB {subject} 0\r\n\r\n"));
            client.flush("");
            client.frames()[before..].iter().any(|frame| frame.contains(&format!("MSG {subject} 1 0"))).then_some(())
        });
    }
    client
}

#[test]
fn a_reader_that_stops_is_closed_and_nobody_else_waits() {
    let config = ClusterConfig { server: "max_pending: 4MB".to_owned(), ..ClusterConfig::default() };
    in_mixes(&[&[R, R], &[T, T], &[T, R], &[R, T]], &config, |cluster| {
        let stuck = subscriber(cluster, 1, "flood");
        stuck.limit_receive_buffer(4096);
        let mut clients = cluster.clients("");
        let before: Vec<_> = cluster.nodes.iter().map(resident).collect();
        let [near, far] = &mut clients[..] else { panic!("two servers") };
        let flood = flood(&cluster.nodes[0], "flood", 4000);
        let mut rounds = 0;
        while !flood.is_finished() || rounds == 0 {
            let begun = Instant::now();
            sync(near, far);
            sync(far, near);
            assert!(begun.elapsed() < QUICK, "others waited for {:?}", begun.elapsed());
            rounds += 1;
            for (node, before) in cluster.nodes.iter().zip(&before) {
                let grown = resident(node).saturating_sub(*before);
                assert!(grown < 100 << 20, "{:?} takes {grown} bytes more", node.kind);
            }
        }
        flood.join().expect("the publisher was served");
        cluster.nodes[1].process.wait_log("Slow Consumer Detected");
        cluster.nodes[1].process.wait_log("connection closed: Slow Consumer");
        drop(stuck);
        for node in &cluster.nodes {
            let log = node.process.log();
            let closed = log.iter().find(|line| line.contains("Router connection closed"));
            assert_eq!(closed, None, "{:?}", node.kind);
        }
    });
}

/// Reads `count` large messages of a subscription, which other servers know of when this returns.
fn reader(cluster: &Cluster, place: usize, subject: &'static str, count: usize) -> JoinHandle<()> {
    let mut known = subscriber(cluster, place, subject);
    let mut stream = TcpStream::connect(cluster.nodes[place].process.address()).expect("the server listens");
    stream.write_all(format!("CONNECT {{\"verbose\":false}}\r\nSUB {subject} 2\r\n").as_bytes()).expect("it reads");
    until_pong(&mut stream);
    // The other one has told the servers of the subject, and would be in the way.
    known.flush("UNSUB 1\r\n");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("not zero");
    std::thread::spawn(move || {
        let mut block = vec![0; 256 * 1024];
        let mut left = count * SIZE;
        while left > 0 {
            let len = stream.read(&mut block).expect("messages arrive");
            assert!(len > 0, "the server closed a reader");
            left -= block[..len].iter().filter(|byte| **byte == FILL).count();
        }
    })
}

#[test]
fn floods_in_both_directions_arrive() {
    const COUNT: usize = 800;
    in_mixes(&[&[T, T], &[T, R], &[R, T]], &ClusterConfig::default(), |cluster| {
        let readers = [reader(cluster, 0, "left", COUNT), reader(cluster, 1, "right", COUNT)];
        let floods = [flood(&cluster.nodes[1], "left", COUNT), flood(&cluster.nodes[0], "right", COUNT)];
        floods.into_iter().for_each(|flood| flood.join().expect("the publisher was served"));
        readers.into_iter().for_each(|reader| reader.join().expect("everything arrived"));
    });
}
