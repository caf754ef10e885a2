//! The cluster: its listener, its manager, and what clients are told of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tracing::{info, warn};
use troupe_actors::client::{ClientCommand, ClientServices};
use troupe_actors::connection::CloseReason;
use troupe_actors::net::{BoundListener, Listener, ListenerSettings, LocalAddress, bind, own_addresses};
use troupe_actors::route::{ClientAdvert, PeerCommand, RouteFactory, RouteParts, RouteServices, RouteTls, Routes};
use troupe_actors::router::local::SeatPlan;
use troupe_actors::supervisor::{ArbiterSlot, ChildSpec, SupervisorHandle};
use troupe_engine::id::ServerIdentity;
use troupe_engine::options::{ListenAddress, Options};
use troupe_engine::route::ClusterName;

use crate::boot::StartError;

/// The running part of a server that is in a cluster.
pub(crate) struct Cluster {
    pub(crate) services: Arc<RouteServices>,
    pub(crate) listener: BoundListener,
}

/// What the cluster is started with.
pub(crate) struct ClusterStart<'a> {
    pub(crate) options: &'a Arc<Options>,
    pub(crate) identity: &'a ServerIdentity,
    pub(crate) clients: &'a Arc<ClientServices>,
    pub(crate) listeners: &'a [BoundListener],
    pub(crate) arbiters: Arc<[ArbiterSlot]>,
    pub(crate) seats: SeatPlan,
    pub(crate) supervisor: &'a SupervisorHandle,
}

impl ClusterStart<'_> {
    /// Listens for routes and dials the configured ones.
    pub(crate) async fn start(self) -> Result<Option<Cluster>, StartError> {
        let cluster = &self.options.cluster;
        if !cluster.is_enabled() {
            return Ok(None);
        }
        let name = match &cluster.name {
            Some(name) => ClusterName { name: name.clone(), is_dynamic: false },
            None => ClusterName { name: troupe_engine::id::nuid(), is_dynamic: true },
        };
        info!("Cluster name is {}", name.name);
        if name.is_dynamic {
            warn!("Cluster name was dynamically generated, consider setting one");
        }
        let tls = RouteTls::load(self.options)?.map(|(tls, warnings)| {
            warnings.iter().for_each(|warning| warn!("{warning}"));
            tls
        });
        if cluster.tls.as_ref().is_some_and(|tls| tls.insecure) {
            warn!(
                "TLS certificate chain and hostname of solicited routes will not be verified. DO NOT USE IN PRODUCTION!"
            );
        }
        let address = ListenAddress::Tcp(cluster.host.clone(), u16::try_from(cluster.port).unwrap_or(0));
        let listener = bind(&address)
            .map_err(|source| StartError::Bind { address: format!("{}:{}", cluster.host, cluster.port), source })?;
        let port = listener.port().unwrap_or(0);
        let services = Arc::new(RouteServices::new(self.parts(name.clone(), port, tls)));
        tell_name(self.clients, &name.name);
        let factory = Arc::new(RouteFactory::new(Arc::clone(&services)));
        let settings = ListenerSettings { name: "Route", socket: listener.clone(), factory };
        let spec = ChildSpec::new("listener", move |context| Listener::supervised(settings.clone(), context));
        self.supervisor.supervise(spec.id("route")).await?;
        info!("Listening for route connections on {}:{port}", cluster.host);
        let manager = Arc::clone(&services);
        let spec = ChildSpec::new("routes", move |context| Routes::new(context, Arc::clone(&manager)));
        self.supervisor.supervise(spec).await?;
        Ok(Some(Cluster { services, listener }))
    }

    fn parts(&self, cluster: ClusterName, port: u16, tls: Option<RouteTls>) -> RouteParts {
        let info = self.clients.info();
        RouteParts {
            id: self.identity.server_id(),
            name: info.server_name.clone(),
            version: info.version.clone(),
            go: info.go.clone(),
            options: Arc::clone(self.options),
            cluster,
            port,
            client_urls: client_urls(self.options, self.listeners),
            tls,
            accounts: Arc::clone(&self.clients.accounts),
            router: self.clients.router.clone(),
            group: self.supervisor.connection_group("route"),
            faults: self.supervisor.faults().clone(),
            arbiters: Arc::clone(&self.arbiters),
            seats: self.seats,
            advert: Arc::new(Advert { clients: Arc::clone(self.clients) }),
            counters: Arc::clone(&self.clients.counters),
        }
    }
}

impl Cluster {
    /// URLs of the route listener for the ports file.
    pub(crate) fn urls(&self) -> Vec<String> {
        match self.listener.local() {
            LocalAddress::Tcp(address) => crate::files::listener_urls("nats", *address),
            LocalAddress::Unix(_) => Vec::new(),
        }
    }

    /// Tells the other servers that clients had better leave.
    pub(crate) fn enter_lame_duck(&self) {
        self.services.enter_lame_duck();
        self.services.tell_all(&PeerCommand::PushInfo);
    }

    /// Opens no more routes.
    pub(crate) fn stop(&self) {
        self.services.close();
        self.listener.close();
    }

    /// Closes all routes.
    pub(crate) fn close_routes(&self) {
        self.services.close_where(CloseReason::ServerShutdown, |_| true);
    }
}

/// Puts news of the cluster into the INFO of clients.
struct Advert {
    clients: Arc<ClientServices>,
}

impl ClientAdvert for Advert {
    fn connect_urls(&self, urls: Vec<String>) {
        if self.clients.info().connect_urls == urls {
            return;
        }
        self.clients.change_info(|info| info.connect_urls.clone_from(&urls));
        push_info(&self.clients);
    }

    fn cluster_name(&self, name: &str) {
        tell_name(&self.clients, name);
        push_info(&self.clients);
    }

    fn next_id(&self) -> u64 {
        self.clients.next_peer_id()
    }
}

fn tell_name(clients: &ClientServices, name: &str) {
    clients.change_info(|info| info.cluster = Some(name.to_owned()));
}

fn push_info(clients: &ClientServices) {
    for entry in clients.registry.all() {
        entry.address.do_send(ClientCommand::PushInfo);
    }
}

/// Where clients reach this server: as advertised, or at every address of the machine where all are listened on.
fn client_urls(options: &Options, listeners: &[BoundListener]) -> Vec<String> {
    let Some(port) = listeners.iter().find_map(BoundListener::port) else { return Vec::new() };
    if let Some(advertise) = &options.listen.client_advertise {
        let has_port = advertise.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        return vec![if has_port { advertise.clone() } else { format!("{advertise}:{port}") }];
    }
    let host = options.listen.host.as_str();
    let is_any = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    if !is_any {
        let is_bare_v6 = host.contains(':') && !host.starts_with('[');
        return vec![if is_bare_v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") }];
    }
    let is_reachable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let own: Vec<_> = own_addresses().into_iter().filter(is_reachable).collect();
    if own.is_empty() {
        return vec![format!("{host}:{port}")];
    }
    own.into_iter().map(|ip| SocketAddr::new(ip, port).to_string()).collect()
}
