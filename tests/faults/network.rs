//! How the servers reach each other.

use std::net::{IpAddr, SocketAddr};

use troupe_tests::cluster::ClusterConfig;
use troupe_tests::namespaces::Namespaces;
use troupe_tests::proxy::{Disturbance, Proxy};

/// Port of routes in each namespace.
const ROUTE_PORT: u16 = 6222;

/// Which network the servers are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// Loopback, with a proxy before each server.
    Proxies,
    /// A network namespace for each server.
    Namespaces,
}

/// The network of a cluster.
#[derive(Debug)]
pub(crate) enum Network {
    /// One before each server.
    Proxies(Vec<Proxy>),
    /// One for each server.
    Namespaces(Namespaces),
}

impl Network {
    /// The network for so many servers. Where namespaces cannot be made it says so, and is made of proxies.
    pub(crate) fn new(wiring: Wiring, count: usize) -> Self {
        if wiring == Wiring::Namespaces {
            match Namespaces::new(count) {
                Ok(namespaces) => return Self::Namespaces(namespaces),
                Err(fault) => eprintln!(
                    "no network namespaces here ({fault}): proxies on loopback addresses instead, black holes become stalls"
                ),
            }
        }
        Self::Proxies((0..count).map(|_| Proxy::new()).collect())
    }

    /// Where the others reach a server.
    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        match self {
            Self::Proxies(proxies) => proxies[number].address(),
            Self::Namespaces(namespaces) => SocketAddr::new(namespaces.address(number), ROUTE_PORT),
        }
    }

    /// What a server has to be told to be there.
    pub(crate) fn place(&self, number: usize, config: &mut ClusterConfig) {
        let monitor = match self {
            Self::Proxies(_) => "127.0.0.1".to_owned(),
            Self::Namespaces(namespaces) => namespaces.address(number).to_string(),
        };
        config.server.push_str(&format!("\nhttp: \"{monitor}:-1\""));
        match self {
            // Whoever hears of the server reaches it through its proxy.
            Self::Proxies(proxies) => {
                config.cluster.push_str(&format!("\nadvertise: \"{}\"", proxies[number].address()));
            }
            Self::Namespaces(namespaces) => {
                let address: IpAddr = namespaces.address(number);
                config.namespace = Some((namespaces.name(number), address));
                config.port = Some(ROUTE_PORT);
            }
        }
    }

    /// The server listens now.
    pub(crate) fn lead_to(&self, number: usize, route: SocketAddr) {
        if let Self::Proxies(proxies) = self {
            proxies[number].lead_to(route);
        }
    }

    /// Disturbs what goes to a server. Without proxies nothing happens.
    pub(crate) fn disturb(&self, number: usize, disturbance: Disturbance) {
        if let Self::Proxies(proxies) = self {
            proxies[number].disturb(disturbance);
        }
    }

    /// Has what is sent along `ways` vanish while `action` runs. Without namespaces the server `victim` is stalled.
    pub(crate) fn without(&self, ways: &[(usize, usize)], victim: usize, action: impl FnOnce()) {
        match self {
            Self::Namespaces(namespaces) => {
                ways.iter().for_each(|(from, to)| namespaces.cut(*from, *to));
                action();
                ways.iter().for_each(|(from, to)| namespaces.mend(*from, *to));
            }
            Self::Proxies(_) => {
                self.disturb(victim, Disturbance::Stall);
                action();
                self.disturb(victim, Disturbance::None);
            }
        }
    }
}
