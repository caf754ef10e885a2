//! Several servers in one cluster, of either kind.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Config;
use crate::process::{ServerProcess, troupe_binary};
use crate::raw::{RawClient, Waited};
use crate::reference;
use crate::wait::eventually;

/// Which server a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server under test.
    Troupe,
    /// nats-server.
    Reference,
}

impl Kind {
    fn binary(self) -> Option<PathBuf> {
        match self {
            Self::Troupe => Some(troupe_binary()),
            Self::Reference => reference::binary(),
        }
    }
}

/// What the nodes of a cluster have in common.
#[derive(Clone, Debug, Default)]
pub struct ClusterConfig {
    /// Lines of the `cluster` block beside name, listener and routes.
    pub cluster: String,
    /// Lines beside the `cluster` block.
    pub server: String,
    /// Port of the route listener; a free one where there is none.
    pub port: Option<u16>,
    /// User and password in the URLs of routes, as `user:password@`.
    pub login: String,
    /// Network namespace the server runs in, and its address there.
    pub namespace: Option<(String, IpAddr)>,
    /// Faults that are injected into a server of ours, as `TROUPE_FAULTS` has them. It is `troupe-with-faults` then, which has to be
    /// beside the binary under test.
    pub injected: Option<String>,
}

/// One server of a cluster.
#[derive(Debug)]
pub struct Node {
    /// Which server it is.
    pub kind: Kind,
    /// The process.
    pub process: ServerProcess,
    /// Where other servers reach it.
    pub route: SocketAddr,
    /// Its name.
    pub name: String,
    /// Name of its cluster, as configured.
    pub cluster: String,
}

impl Node {
    /// Starts a server named `name` in the cluster `cluster`, connected to `routes`. `None` when its binary is not there.
    pub fn start(kind: Kind, name: &str, cluster: &str, routes: &[SocketAddr], config: &ClusterConfig) -> Option<Self> {
        Self::start_at(kind, name, cluster, routes, config, None)
    }

    /// The same with the port clients connect to; a free one where there is none.
    pub fn start_at(
        kind: Kind,
        name: &str,
        cluster: &str,
        routes: &[SocketAddr],
        config: &ClusterConfig,
        port: Option<u16>,
    ) -> Option<Self> {
        let mut own = Config::new(text(name, cluster, routes, config)).arg("-D");
        own = port.into_iter().fold(own, Config::port);
        if let Some((namespace, address)) = &config.namespace {
            own = own.within(namespace, *address);
        }
        let mut binary = kind.binary()?;
        if let Some(faults) = config.injected.as_ref().filter(|_| kind == Kind::Troupe) {
            binary.set_file_name("troupe-with-faults");
            own = own.env("TROUPE_FAULTS", faults);
        }
        let process = ServerProcess::start(&binary, &own);
        let route = process.wait_address("Listening for route connections on ");
        Some(Self { kind, process, route, name: name.to_owned(), cluster: cluster.to_owned() })
    }

    /// Has the server read another configuration, connected to `routes`, and waits until it is in force.
    pub fn reload(&self, routes: &[SocketAddr], config: &ClusterConfig) {
        let config = ClusterConfig { port: Some(self.route.port()), ..config.clone() };
        self.process.reload(&Config::new(text(&self.name, &self.cluster, routes, &config)));
    }

    /// Connects a client that takes headers and 503.
    pub fn client(&self) -> RawClient {
        self.client_as("")
    }

    /// The same with credentials: `"user":"a","pass":"b",`.
    pub fn client_as(&self, credentials: &str) -> RawClient {
        let mut client = RawClient::connect(self.process.address());
        client.flush(format!(
            "CONNECT {{{credentials}\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1}}\r\n"
        ));
        client
    }
}

fn text(name: &str, cluster: &str, routes: &[SocketAddr], config: &ClusterConfig) -> String {
    let urls: Vec<_> = routes.iter().map(|route| format!("\"nats-route://{}{route}\"", config.login)).collect();
    let port = config.port.map_or_else(|| "-1".to_owned(), |port| port.to_string());
    let host = config.namespace.as_ref().map_or_else(|| "127.0.0.1".to_owned(), |(_, address)| address.to_string());
    format!(
        "server_name: {name}\ncluster {{\n  name: {cluster}\n  listen: \"{host}:{port}\"\n  routes: [{}]\n{}\n}}\n{}\n",
        urls.join(", "),
        config.cluster,
        config.server
    )
}

/// Servers that are connected to each other.
#[derive(Debug)]
pub struct Cluster {
    /// The servers, in the order of their start.
    pub nodes: Vec<Node>,
}

/// Numbers of subjects that are used once.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// A subject nobody uses.
pub fn fresh(prefix: &str) -> String {
    format!("{prefix}.{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Cluster {
    /// Starts one server per kind, each connected to the first, and waits until all are connected to each other. `None` when a
    /// binary is not there.
    pub fn start(kinds: &[Kind], config: &ClusterConfig) -> Option<Self> {
        let mut nodes: Vec<Node> = Vec::new();
        for (number, kind) in kinds.iter().enumerate() {
            let routes: Vec<_> = nodes.first().map(|node| node.route).into_iter().collect();
            nodes.push(Node::start(*kind, &format!("n{number}"), "c1", &routes, config)?);
        }
        let cluster = Self { nodes };
        cluster.settle("");
        Some(cluster)
    }

    /// Waits until a message of a client of each server reaches each other server.
    pub fn settle(&self, credentials: &str) {
        for (number, node) in self.nodes.iter().enumerate() {
            let mut receiver = node.client_as(credentials);
            let subject = fresh("settle");
            receiver.flush(format!("SUB {subject} 1\r\n"));
            for sender in self.nodes.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, sender)| sender)
            {
                reach(sender, credentials, &subject, &mut receiver);
            }
        }
    }

    /// Clients, one of each server, that can [`sync`].
    pub fn clients(&self, credentials: &str) -> Vec<RawClient> {
        let mut clients: Vec<_> = self.nodes.iter().map(|node| node.client_as(credentials)).collect();
        clients.iter_mut().for_each(|client| client.flush("SUB sync.* sync\r\n"));
        for (number, _) in self.nodes.iter().enumerate() {
            for (other, sender) in self.nodes.iter().enumerate() {
                if other != number {
                    reach(sender, credentials, &fresh("sync"), &mut clients[number]);
                }
            }
        }
        clients
    }
}

/// Publishes until it arrives.
fn reach(sender: &Node, credentials: &str, subject: &str, receiver: &mut RawClient) {
    let mut client = sender.client_as(credentials);
    let text = fresh("probe");
    eventually("a message to cross the cluster", || {
        client.flush(format!("PUB {subject} {}\r\n{text}\r\n", text.len()));
        receiver.flush("");
        receiver.frames().iter().any(|frame| frame.contains(&text)).then_some(())
    });
}

/// Returns when the server of `to` knows what the server of `from` has told before: both have come from [`Cluster::clients`].
pub fn sync(from: &mut RawClient, to: &mut RawClient) {
    let subject = fresh("sync");
    from.flush("");
    from.flush(format!("PUB {subject} 0\r\n\r\n"));
    let waited = to.wait(|frames| frames.iter().any(|frame| frame.contains(&format!("MSG {subject} "))));
    assert_eq!(waited, Waited::Met, "waiting for {subject}; so far: {}", to.text());
}

/// Returns when every server knows what all the others have told before.
pub fn sync_all(clients: &mut [RawClient]) {
    for from in 0..clients.len() {
        for to in 0..clients.len() {
            if from == to {
                continue;
            }
            let (low, high) = clients.split_at_mut(from.max(to));
            let (low, high) = (&mut low[from.min(to)], &mut high[0]);
            if from < to { sync(low, high) } else { sync(high, low) }
        }
    }
}
