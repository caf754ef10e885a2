//! The one ordered list: what starts, on which arbiter, with whose address.

mod jetstream;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tracing::{info, warn};
use troupe_actors::account::Linker;
use troupe_actors::auth::{AccountDesk, CalloutDesk, Callouts};
use troupe_actors::client::{ClientFactory, ClientServices};
use troupe_actors::jetstream::JetStreamServer;
use troupe_actors::net::tls::{
    OcspCache, StapleError, Stapling, TlsAcceptorHandle, TlsConfigError, TlsServer, WATCH_INTERVAL, watch_certificates,
};
use troupe_actors::net::{BindError, BoundListener, Listener, ListenerSettings, LocalAddress, bind};
use troupe_actors::report::jetstream::JetStreamReport;
use troupe_actors::report::routes::RouteReport;
use troupe_actors::report::{Reporter, ServerFacts};
use troupe_actors::router::local::SeatPlan;
use troupe_actors::router::{Accounts, Router, RouterHandle};
use troupe_actors::supervisor::{
    ArbiterSlot, ArbiterStartError, ChildSpec, StartError as ChildStartError, Supervisor, SupervisorHandle,
    SupervisorOptions, SupervisorVerdict,
};
use troupe_actors::system::{System, SystemServices};
use troupe_codecs::client::ServerInfo;
use troupe_engine::id::ServerIdentity;
use troupe_engine::options::{AccountLimits, GLOBAL_ACCOUNT, HandshakeFirst, ListenAddress, Options};
use troupe_engine::subject::DomainSpellings;

use crate::COMPATIBLE_VERSION;
use crate::banner;
use crate::claims::ClaimsError;
use crate::cluster::{Cluster, ClusterStart};
use crate::control::{ReloadControl, ReloadRequests};
use crate::files::{self, FileError, Ports};
use crate::monitor::{Feed, Monitor, MonitorSettings};
use crate::process::ProcessContext;
use crate::server::{RunningServer, ServerParts};

/// JetStream API level of the version that is offered.
const API_LEVEL: u8 = 5;

/// The environment variables that inject faults into a server of a test build: once it is ready, and before it starts.
#[cfg(feature = "fault-injection")]
const FAULTS_VARIABLE: &str = "TROUPE_FAULTS";
#[cfg(feature = "fault-injection")]
const START_FAULTS_VARIABLE: &str = "TROUPE_START_FAULTS";

/// Why a server did not start. Texts are nats-server's where it has the fault too.
#[derive(Debug, Error)]
pub enum StartError {
    /// A listener.
    #[error("Error listening on port: {address}, {source}")]
    Bind {
        /// Address as configured.
        address: String,
        /// Cause.
        source: BindError,
    },
    /// The monitor.
    #[error("Can't start monitoring: can't listen to the monitor port: {0}")]
    Monitor(BindError),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// What the authorities say of them.
    #[error(transparent)]
    Staple(#[from] StapleError),
    /// Where tokens of accounts are.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// A thread.
    #[error(transparent)]
    Arbiter(#[from] ArbiterStartError),
    /// An actor.
    #[error(transparent)]
    Actor(#[from] ChildStartError),
    /// An actor failed too often before the server was ready.
    #[error("the server cannot start: {0}")]
    GaveUp(SupervisorVerdict),
    /// The pid file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The injected faults of a test build.
    #[cfg(feature = "fault-injection")]
    #[error("injected faults: {0}")]
    Faults(#[from] troupe_actors::supervisor::FaultTextError),
    /// The port in use could not be told.
    #[error("no listener is configured: a port or a Unix socket is needed")]
    NoListener,
}

/// Starts a server in the actix system of the calling thread. Returns when it takes connections.
///
/// # Errors
/// See [`StartError`]. Nothing is left running then.
pub async fn start(options: Options) -> Result<RunningServer, StartError> {
    boot(options, None).await
}

/// As [`start`], for the server of this process, which obeys signals and reads its configuration again.
///
/// # Errors
/// See [`StartError`].
pub async fn start_in_process(options: Options, process: ProcessContext) -> Result<RunningServer, StartError> {
    boot(options, Some(process)).await
}

async fn boot(options: Options, process: Option<ProcessContext>) -> Result<RunningServer, StartError> {
    let start = SystemTime::now();
    let (options, fetcher) = crate::claims::prepare(options).await?;
    let options = Arc::new(options);
    let identity = Arc::new(ServerIdentity::generate());
    let id = identity.server_id();
    let name = options.server_name.clone().unwrap_or_else(|| id.clone());
    banner::log_start(&name, &id, &options);
    if let Some(process) = &process {
        process.log_notices();
    }
    if let Some(path) = &options.pid_file {
        files::write_pid_file(path)?;
    }
    let tls = load_tls(&options).await?;
    let (supervisor, mut verdicts) = Supervisor::start(SupervisorOptions::default());
    #[cfg(feature = "fault-injection")]
    inject_faults(&supervisor, START_FAULTS_VARIABLE)?;
    // An actor that fails for good while the others wait for it must not keep the start waiting.
    let started = tokio::select! {
        started = start_actors(&options, &identity, (name, start), tls.clone(), &supervisor) => started,
        verdict = verdicts.next() => Err(StartError::GaveUp(verdict)),
    };
    let Started { reporter, listeners, monitor, cluster, jetstream, reloads, linker, system } = match started {
        Ok(started) => started,
        Err(cause) => {
            supervisor.shutdown(Duration::from_secs(1)).await;
            return Err(cause);
        }
    };
    let watcher = tls.clone().filter(|_| options.watches_certificates()).map(|tls| {
        info!("Watching TLS certificate files for changes");
        actix::spawn(watch_certificates(tls, WATCH_INTERVAL))
    });
    reporter.note_ready();
    let ports = write_ports(&options, &listeners, monitor.as_ref(), cluster.as_ref());
    let parts = ServerParts {
        reporter,
        supervisor,
        listeners,
        monitor,
        cluster,
        ports,
        watcher,
        tls,
        process,
        jetstream,
        reloads,
        linker,
        system,
        fetcher,
    };
    Ok(RunningServer::new(parts, verdicts))
}

#[cfg(feature = "fault-injection")]
fn inject_faults(supervisor: &SupervisorHandle, variable: &str) -> Result<(), StartError> {
    let Ok(text) = std::env::var(variable) else { return Ok(()) };
    let count = supervisor.faults().registry().inject_text(&text)?;
    warn!("{count} injected faults: {text}");
    Ok(())
}

/// What runs.
struct Started {
    reporter: Arc<Reporter>,
    listeners: Vec<BoundListener>,
    monitor: Option<BoundListener>,
    cluster: Option<Cluster>,
    jetstream: Option<Arc<JetStreamServer>>,
    reloads: ReloadRequests,
    linker: Linker,
    system: Option<Arc<SystemServices>>,
}

async fn start_actors(
    options: &Arc<Options>,
    identity: &Arc<ServerIdentity>,
    (name, start): (String, SystemTime),
    tls: Option<TlsAcceptorHandle>,
    supervisor: &SupervisorHandle,
) -> Result<Started, StartError> {
    let monitor = bind_monitor(options)?;
    let accounts = Arc::new(Accounts::default());
    configure_accounts(&accounts, options);
    let router = RouterHandle::default();
    let handle = router.clone();
    supervisor.supervise(ChildSpec::new("router", move |context| Router::new(context, handle.clone()))).await?;

    let arbiters = connection_arbiters(supervisor)?;
    let seats = SeatPlan::new(arbiters.len(), arbiters.len());
    let listeners = bind_listeners(options)?;
    let domain = options.jetstream.domain.as_deref().filter(|_| options.jetstream.enabled).map(DomainSpellings::of);
    let context = jetstream::Context {
        options,
        name: &name,
        id: identity.server_id(),
        router: &router,
        accounts: &accounts,
        domain: domain.clone(),
    };
    let jetstream = jetstream::start(&context, seats, supervisor).await?;
    let services = Arc::new(ClientServices::new(
        Arc::clone(options),
        server_info(options, identity, name.clone(), &listeners),
        accounts,
        router,
        supervisor.connection_group("client"),
        supervisor.faults().clone(),
        tls,
    ));
    services.set_ocsp_cache(open_ocsp_cache(options));
    let mut linker = Linker::new(domain);
    linker.link(&services.accounts, &services.router, options, &name).wait().await;
    start_callouts(options, identity, &services, supervisor).await?;
    let facts = ServerFacts { start, num_arbiters: arbiters.len() };
    let reporter = Arc::new(Reporter::new(Arc::clone(&services), supervisor.board().clone(), facts));
    if let Some(jetstream) = &jetstream {
        reporter.sources().jetstream.set(Box::new(JetStreamReport::new(Arc::clone(jetstream)))).ok();
    }
    let changes = services.router.clone();
    reporter.add_queue("Router changes", move || changes.depth());
    start_monitor(options, monitor.as_ref(), &reporter, supervisor).await?;
    let (reloads, system) = start_system(options, &reporter, seats, supervisor).await?;
    let arbiters: Arc<[ArbiterSlot]> = arbiters.into();
    let factory = Arc::new(ClientFactory::new(Arc::clone(&services), Arc::clone(&arbiters), seats));
    for (number, socket) in listeners.iter().enumerate() {
        let settings = ListenerSettings { name: "Client", socket: socket.clone(), factory: factory.clone() };
        let spec = ChildSpec::new("listener", move |context| Listener::supervised(settings.clone(), context));
        let spec = if number == 0 { spec } else { spec.id(number.to_string()) };
        supervisor.supervise(spec).await?;
        log_listener(options, socket);
    }
    #[cfg(feature = "fault-injection")]
    inject_faults(supervisor, FAULTS_VARIABLE)?;
    info!("Server is ready");
    let clients = reporter.services();
    let start = ClusterStart { options, identity, clients, listeners: &listeners, arbiters, seats, supervisor };
    let cluster = start.start().await?;
    if let Some(cluster) = &cluster {
        reporter.sources().routes.set(Box::new(RouteReport::new(Arc::clone(&cluster.services)))).ok();
    }
    Ok(Started { reporter, listeners, monitor, cluster, jetstream, reloads, linker, system })
}

/// Starts who asks services about connections, where there may be any.
async fn start_callouts(
    options: &Options,
    identity: &Arc<ServerIdentity>,
    services: &ClientServices,
    supervisor: &SupervisorHandle,
) -> Result<(), StartError> {
    if options.auth.callout.is_none() && options.trust.is_none() {
        return Ok(());
    }
    log_callout_faults(options);
    let desk = CalloutDesk::new(Arc::clone(identity), Arc::clone(&services.accounts), services.router.clone());
    services.set_callouts(Arc::clone(&desk));
    supervisor.supervise(ChildSpec::new("callouts", move |context| Callouts::new(Arc::clone(&desk), context))).await?;
    Ok(())
}

/// Tells what of a configured service is not there.
fn log_callout_faults(options: &Options) {
    let Some(callout) = &options.auth.callout else { return };
    let name = callout.account.as_str();
    let is_own = name == GLOBAL_ACCOUNT || options.system_account_name() == Some(name);
    if !is_own && !options.accounts.iter().any(|account| account.name == name) {
        tracing::error!("Authorization callout account {name:?} not valid");
    }
    let users = &options.auth.users;
    for user in callout.auth_users.iter().filter(|user| !users.iter().any(|known| known.credential.name() == *user)) {
        tracing::error!("Authorization callout user {user:?} not valid: <nil>");
    }
}

/// Starts the services of the system account, where there is one.
async fn start_system(
    options: &Options,
    reporter: &Arc<Reporter>,
    seats: SeatPlan,
    supervisor: &SupervisorHandle,
) -> Result<(ReloadRequests, Option<Arc<SystemServices>>), StartError> {
    let (desk, wishes) = AccountDesk::new();
    reporter.services().set_account_desk(desk);
    let (control, reloads) = ReloadControl::new(wishes);
    let account = options.system_account_name().and_then(|name| reporter.services().accounts.get(name));
    let Some(account) = account else { return Ok((reloads, None)) };
    let services = SystemServices::new(Arc::clone(reporter), account, seats, Box::new(control));
    let arbiter = supervisor.start_arbiter("services")?;
    let shared = Arc::clone(&services);
    let spec = ChildSpec::new("system", move |context| System::new(Arc::clone(&shared), context)).on(arbiter);
    supervisor.supervise(spec).await?;
    Ok((reloads, Some(services)))
}

/// Binds the port of the monitor, where there is one.
fn bind_monitor(options: &Options) -> Result<Option<BoundListener>, StartError> {
    let Some((port, is_secure)) = options.monitor.port() else { return Ok(None) };
    let host = options.monitor.host(&options.listen);
    let socket = bind(&ListenAddress::Tcp(host.to_owned(), port)).map_err(StartError::Monitor)?;
    let protocol = if is_secure { "https" } else { "http" };
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    info!("Starting {protocol} monitor on {host}:{}", socket.port().unwrap_or(port));
    Ok(Some(socket))
}

async fn start_monitor(
    options: &Options,
    socket: Option<&BoundListener>,
    reporter: &Arc<Reporter>,
    supervisor: &SupervisorHandle,
) -> Result<(), StartError> {
    let Some(socket) = socket else { return Ok(()) };
    let is_secure = options.monitor.port().is_some_and(|(_, is_secure)| is_secure);
    let settings = MonitorSettings {
        socket: socket.clone(),
        tls: reporter.services().tls().filter(|_| is_secure),
        prefix: options.monitor.prefix(),
        reporter: Arc::clone(reporter),
        feed: Arc::new(Feed::new(Arc::clone(reporter))),
    };
    let spec = ChildSpec::new("monitor", move |context| Monitor::new(settings.clone(), context));
    supervisor.supervise(spec).await?;
    Ok(())
}

/// Accounts of the configuration, the global and the system account.
pub(crate) fn configure_accounts(accounts: &Accounts, options: &Options) {
    accounts.configure(GLOBAL_ACCOUNT, AccountLimits::default());
    if let Some(name) = options.system_account_name() {
        accounts.configure(name, AccountLimits::default());
    }
    for account in options.accounts.iter() {
        accounts.configure(&account.name, account.limits.clone());
    }
}

/// One arbiter per core for connections.
fn connection_arbiters(supervisor: &SupervisorHandle) -> Result<Vec<ArbiterSlot>, ArbiterStartError> {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    (0..count).map(|number| supervisor.start_arbiter(&format!("connections-{number}"))).collect()
}

/// Reads the certificates, logging what is left out of the configured names.
async fn load_tls(options: &Options) -> Result<Option<TlsAcceptorHandle>, StartError> {
    let Some(tls) = &options.tls else { return Ok(None) };
    let (server, warnings) = TlsServer::load(tls, &Stapling::of(options))?;
    warnings.iter().for_each(|warning| warn!("{warning}"));
    server.staple().await?;
    Ok(Some(TlsAcceptorHandle::new(server)))
}

/// Opens the cache of what authorities say of clients' certificates, where they are asked.
pub(crate) fn open_ocsp_cache(options: &Options) -> Option<OcspCache> {
    let is_wanted = options.tls.as_ref().is_some_and(|tls| tls.ocsp_peer.verify);
    is_wanted.then(|| OcspCache::open(options.ocsp_cache.clone().unwrap_or_default()))
}

fn bind_listeners(options: &Options) -> Result<Vec<BoundListener>, StartError> {
    let addresses = options.listen.addresses();
    if addresses.is_empty() {
        return Err(StartError::NoListener);
    }
    let bind_one =
        |address: &_| bind(address).map_err(|source| StartError::Bind { address: display_address(address), source });
    addresses.iter().map(bind_one).collect()
}

fn display_address(address: &troupe_engine::options::ListenAddress) -> String {
    use troupe_engine::options::ListenAddress;
    match address {
        ListenAddress::Tcp(host, port) => format!("{host}:{port}"),
        ListenAddress::Unix(path) => path.display().to_string(),
    }
}

/// INFO without the fields of one connection.
pub(crate) fn server_info(
    options: &Options,
    identity: &ServerIdentity,
    name: String,
    listeners: &[BoundListener],
) -> ServerInfo {
    let base = ServerInfo {
        server_id: identity.server_id(),
        server_name: name,
        version: COMPATIBLE_VERSION.to_owned(),
        proto: 1,
        git_commit: banner::COMMIT.map(ToOwned::to_owned),
        go: format!("rust-{}", env!("CARGO_PKG_RUST_VERSION")),
        port: listeners.iter().find_map(BoundListener::port).unwrap_or(0),
        xkey: identity.xkey(),
        api_lvl: API_LEVEL,
        ..ServerInfo::default()
    };
    with_options(base, options)
}

/// INFO with the fields that options decide, for the start and for a reload.
pub(crate) fn with_options(base: ServerInfo, options: &Options) -> ServerInfo {
    let (host, port) = advertised(options, base.port);
    let authenticator = troupe_engine::auth::Authenticator::new(options);
    let has_tls = options.tls.is_some();
    let requires_tls = has_tls && !options.allow_non_tls;
    ServerInfo {
        host,
        port,
        headers: !options.no_header_support,
        auth_required: authenticator.auth_required(),
        tls_required: requires_tls,
        tls_verify: options.tls.as_ref().is_some_and(|tls| tls.verify || tls.verify_and_map),
        tls_available: has_tls && options.allow_non_tls,
        max_payload: options.limits.max_payload,
        cluster: options.cluster.name.clone().or(base.cluster),
        jetstream: options.jetstream.enabled,
        domain: options.jetstream.domain.clone(),
        ..base
    }
}

fn advertised(options: &Options, port: u16) -> (String, u16) {
    let Some(advertise) = options.listen.client_advertise.as_deref() else {
        return (options.listen.host.clone(), port);
    };
    match advertise.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host.trim_matches(['[', ']']).to_owned(), port),
        None => (advertise.to_owned(), port),
    }
}

fn log_listener(options: &Options, socket: &BoundListener) {
    match socket.local() {
        LocalAddress::Unix(path) => info!("Listening for client connections on unix:{}", path.display()),
        LocalAddress::Tcp(address) => {
            info!("Listening for client connections on {}:{}", options.listen.host, address.port());
            let Some(tls) = &options.tls else { return };
            if options.allow_non_tls {
                info!("TLS available for client connections");
            } else {
                info!("TLS required for client connections");
            }
            if tls.handshake_first != HandshakeFirst::No {
                info!("Clients that are not using \"TLS Handshake First\" option will fail to connect");
            }
        }
    }
}

fn write_ports(
    options: &Options,
    listeners: &[BoundListener],
    monitor: Option<&BoundListener>,
    cluster: Option<&Cluster>,
) -> Option<files::PortsFile> {
    let directory = options.ports_file_dir.as_ref()?;
    let urls = |scheme: &str, socket: &BoundListener| match socket.local() {
        LocalAddress::Tcp(address) => files::listener_urls(scheme, *address),
        LocalAddress::Unix(_) => Vec::new(),
    };
    let nats = listeners.iter().flat_map(|socket| urls("nats", socket)).collect();
    let scheme = if options.monitor.port().is_some_and(|(_, is_secure)| is_secure) { "https" } else { "http" };
    let monitoring = monitor.map(|socket| urls(scheme, socket)).unwrap_or_default();
    let routes = cluster.map(Cluster::urls).unwrap_or_default();
    let ports = Ports { nats, monitoring, cluster: routes, ..Ports::default() };
    match files::PortsFile::write(directory, &ports) {
        Ok(file) => Some(file),
        Err(cause) => {
            tracing::error!("{cause}");
            None
        }
    }
}
