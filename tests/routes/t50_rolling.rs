//! Servers that are restarted one after the other while clients work and move on, and servers that are killed.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Node, fresh, sync, sync_all};
use troupe_tests::wait::eventually;

use crate::common::{R, T, messages};

fn config(port: Option<u16>) -> ClusterConfig {
    let cluster = "ping_interval: \"1s\"\nping_max: 2".to_owned();
    ClusterConfig { cluster, port, ..ClusterConfig::default() }
}

/// A client that goes to another server it was told of when its own leaves.
struct Wanderer {
    client: RawClient,
    address: std::net::SocketAddr,
    known: Vec<std::net::SocketAddr>,
}

impl Wanderer {
    fn new(node: &Node) -> Self {
        let address = node.process.address();
        let mut wanderer = Self { client: node.client(), address, known: vec![address] };
        wanderer.learn();
        wanderer
    }

    /// Learns where else to go from the newest INFO.
    fn learn(&mut self) {
        let infos = self.client.frames().iter().filter_map(|frame| frame.0.strip_prefix(b"INFO "));
        let urls = infos.filter_map(|json| serde_json::from_slice::<serde_json::Value>(json).ok());
        let lists = urls.filter_map(|info| info["connect_urls"].as_array().cloned());
        for url in lists.flatten() {
            let address = url.as_str().and_then(|text| text.parse().ok()).expect("an address");
            if !self.known.contains(&address) {
                self.known.push(address);
            }
        }
    }

    /// Works: subscribes and publishes to itself; when its server is gone, it goes on to the next.
    fn work(&mut self, subject: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            self.learn();
            self.client.send(format!("PUB {subject} 2\r\nhi\r\nPING\r\n"));
            let pongs = self.client.count("PONG");
            let asked = Instant::now();
            let waited = self.client.wait(|frames| {
                frames.iter().filter(|frame| frame.is("PONG")).count() > pongs
                    || asked.elapsed() > Duration::from_secs(5)
            });
            if waited == troupe_tests::raw::Waited::Met && self.client.count("PONG") > pongs {
                return;
            }
            self.move_on();
        }
        panic!("no server of {:?} serves", self.known);
    }

    fn move_on(&mut self) {
        let own = self.address;
        let others = self.known.iter().filter(|address| **address != own);
        for address in others.chain([&own]) {
            if std::net::TcpStream::connect(address).is_ok() {
                let mut client = RawClient::connect(*address);
                client.send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\n");
                (self.client, self.address) = (client, *address);
                return;
            }
        }
    }
}

#[test]
fn clients_move_on_while_servers_are_restarted() {
    for mix in [[T, R, T], [R, T, R]] {
        let Some(mut cluster) = Cluster::start(&mix, &config(None)) else { return };
        let mut wanderers: Vec<_> = cluster.nodes.iter().map(Wanderer::new).collect();
        for wanderer in &mut wanderers {
            eventually("all servers known", || {
                wanderer.client.flush("");
                wanderer.learn();
                (wanderer.known.len() == 3).then_some(())
            });
        }
        for number in 0..3 {
            let (kind, route) = (cluster.nodes[number].kind, cluster.nodes[number].route);
            let client_port = cluster.nodes[number].process.address().port();
            let old = cluster.nodes.remove(number);
            assert!(old.process.stop().success());
            wanderers.iter_mut().for_each(|wanderer| wanderer.work("busy"));
            let others: Vec<_> = cluster.nodes.iter().map(|node| node.route).collect();
            let new = Node::start_at(
                kind,
                &format!("n{number}"),
                "c1",
                &others,
                &config(Some(route.port())),
                Some(client_port),
            );
            cluster.nodes.insert(number, new.expect("it starts again"));
            cluster.settle("");
            wanderers.iter_mut().for_each(|wanderer| wanderer.work("busy"));
        }
    }
}

#[test]
fn a_killed_server_comes_back_to_all_interest() {
    for mix in [[T, R, T], [R, T, R], [T, T, T]] {
        let Some(mut cluster) = Cluster::start(&mix, &config(None)) else { return };
        let mut clients = cluster.clients("");
        let subjects: Vec<String> = (0..40).map(|number| format!("{}.{number}", fresh("kept"))).collect();
        for client in &mut clients[1..] {
            let subscribe = |(number, subject): (usize, &String)| {
                format!("SUB {subject} 1{number}\r\nSUB {subject} g 2{number}\r\n")
            };
            let lines: String = subjects.iter().enumerate().map(subscribe).collect();
            client.flush(lines);
        }
        sync_all(&mut clients);
        let dead = cluster.nodes.remove(0);
        let (kind, port) = (dead.kind, dead.route.port());
        dead.process.signal(Signal::SIGKILL);
        drop(dead);
        clients.remove(0);
        // The others go on without it.
        sync_all(&mut clients);
        let others: Vec<_> = cluster.nodes.iter().map(|node| node.route).collect();
        let back = Node::start(kind, "n0", "c1", &others, &config(Some(port))).expect("it starts again");
        cluster.nodes.insert(0, back);
        cluster.settle("");
        let mut newcomer = cluster.nodes[0].client();
        let counts = |clients: &[RawClient]| {
            let of_all = |subject: &String| clients.iter().map(|client| messages(client, subject)).sum::<usize>();
            subjects.iter().map(of_all).collect::<Vec<_>>()
        };
        let lines: String = subjects.iter().map(|subject| format!("PUB {subject} 2\r\nhi\r\n")).collect();
        // Each of two has a subscription, and one of them a turn of the group. Interest is whole a moment after its first part.
        eventually("every message at everybody", || {
            let before = counts(&clients);
            newcomer.flush(&lines);
            clients.iter_mut().for_each(|client| sync(&mut newcomer, client));
            before.iter().zip(counts(&clients)).all(|(before, now)| now - before == 3).then_some(())
        });
    }
}
