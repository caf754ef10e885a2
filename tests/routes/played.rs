//! Servers that are played over raw connections.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use troupe_tests::RawClient;
use troupe_tests::cluster::Node;
use troupe_tests::frames::Frame;
use troupe_tests::raw::Waited;

/// What a played server says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    name: String,
    /// More fields of INFO, each with a comma behind it.
    facts: String,
    takes_headers: bool,
}

impl Played {
    /// A server without pools.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), facts: String::new(), takes_headers: true }
    }

    /// Takes no headers.
    pub(crate) fn without_headers(self) -> Self {
        Self { takes_headers: false, ..self }
    }

    /// Says more in INFO.
    pub(crate) fn with(mut self, fact: &str) -> Self {
        self.facts.push_str(fact);
        self.facts.push(',');
        self
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        format!("N{:A<55}", self.name)
    }

    /// The CONNECT line.
    pub(crate) fn connect(&self) -> String {
        format!("CONNECT {{\"name\":\"{}\",\"headers\":true,\"cluster\":\"c1\",\"lnoc\":true}}\r\n", self.id())
    }

    /// The INFO line.
    pub(crate) fn info(&self) -> String {
        format!(
            "INFO {{\"server_id\":\"{}\",\"server_name\":\"{}\",\"version\":\"2.15.1\",\"proto\":3,\"go\":\"go1.27.2\",\
             \"host\":\"127.0.0.1\",\"port\":1,\"headers\":{},\"max_payload\":1048576,\"cluster\":\"c1\",{}\"lnoc\":true,\
             \"lnocu\":true}}\r\n",
            self.id(),
            self.name,
            self.takes_headers,
            self.facts
        )
    }

    /// Says who it is on a connection to a server's route port, without waiting for anything.
    pub(crate) fn introduce(&self, node: &Node) -> RawClient {
        let mut peer = RawClient::connect(node.route);
        peer.expect("INFO {");
        peer.send(self.connect() + &self.info());
        peer
    }

    /// The same, up to where the server has dealt with it.
    pub(crate) fn enter(&self, node: &Node) -> RawClient {
        let mut peer = self.introduce(node);
        peer.flush("");
        peer
    }
}

/// A place where servers can connect to a played one.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
}

impl Door {
    pub(crate) fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").expect("a free port") }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound listener has an address")
    }

    /// Closes the next connection at once. Yields when it came.
    pub(crate) fn refuse(&self) -> Instant {
        drop(self.listener.accept().expect("a server connects"));
        Instant::now()
    }

    /// The next connection, on which `played` has said who it is, up to where the server has done so or refused it.
    pub(crate) fn next(&self, played: &Played) -> RawClient {
        let mut next = RawClient::over(self.listener.accept().expect("a server connects").0);
        next.expect("CONNECT {");
        next.send(played.info());
        let has_said = |frames: &[Frame]| frames.iter().any(|frame| frame.contains("INFO {") || frame.contains("-ERR"));
        assert_eq!(next.wait(has_said), Waited::Met, "{}", next.text());
        next
    }

    /// The next connection of a pool, on which the server and `played` have said who they are. Those of single accounts are let go.
    pub(crate) fn next_of_pool(&self, played: &Played) -> RawClient {
        loop {
            let mut next = self.next(played);
            if !next.text().contains("route_account") {
                // Once this is answered, the next one of the pool is opened.
                next.send("PONG\r\n");
                return next;
            }
        }
    }

    /// The next connection for one account alone. Others are let go.
    pub(crate) fn next_of_account(&self, played: &Played, account: &str) -> RawClient {
        let fact = format!("\"route_account\":\"{account}\"");
        loop {
            let next = self.next(played);
            if next.frames().iter().any(|frame| frame.contains(&fact)) {
                return next;
            }
        }
    }
}
