//! A running server: what main and tests hold.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::error;
use troupe_actors::account::Linker;
use troupe_actors::client::ClientServices;
use troupe_actors::jetstream::JetStreamServer;
use troupe_actors::net::tls::{TlsAcceptorHandle, keep_stapled};
use troupe_actors::net::{BoundListener, HttpFetcher, LocalAddress};
use troupe_actors::report::Reporter;
use troupe_actors::route::RouteServices;
use troupe_actors::supervisor::{SupervisorHandle, Verdicts};
use troupe_actors::system::SystemServices;

use crate::cluster::Cluster;
use crate::control::ReloadRequests;
use crate::files::PortsFile;
use crate::process::ProcessContext;
use crate::run::{ControlledServer, ServerEnd};
use crate::{claims, reload, shutdown};

/// Most requests about tokens that are answered together.
const MAX_TOGETHER: usize = 64;

/// How far the life of a server has come. Tests wait for a phase, not for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It serves.
    Running,
    /// It takes no new clients and closes the others one by one.
    LameDuck,
    /// Everything is being closed.
    Draining,
    /// Nothing is left.
    Stopped,
}

/// What boot made.
pub(crate) struct ServerParts {
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) supervisor: SupervisorHandle,
    pub(crate) listeners: Vec<BoundListener>,
    pub(crate) monitor: Option<BoundListener>,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) ports: Option<PortsFile>,
    pub(crate) watcher: Option<JoinHandle<()>>,
    pub(crate) tls: Option<TlsAcceptorHandle>,
    pub(crate) process: Option<ProcessContext>,
    pub(crate) jetstream: Option<Arc<JetStreamServer>>,
    pub(crate) reloads: ReloadRequests,
    pub(crate) linker: Linker,
    pub(crate) system: Option<Arc<SystemServices>>,
    /// What the web server with tokens of accounts was reached with.
    pub(crate) fetcher: Option<HttpFetcher>,
}

/// Shared by the handle and the tasks that end the server.
pub(crate) struct Inner {
    pub(crate) services: Arc<ClientServices>,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) supervisor: SupervisorHandle,
    pub(crate) listeners: Vec<BoundListener>,
    pub(crate) monitor: Option<BoundListener>,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) ports: parking_lot::Mutex<Option<PortsFile>>,
    pub(crate) watcher: Option<JoinHandle<()>>,
    pub(crate) tls: Option<TlsAcceptorHandle>,
    pub(crate) process: Option<ProcessContext>,
    pub(crate) jetstream: Option<Arc<JetStreamServer>>,
    pub(crate) linker: parking_lot::Mutex<Linker>,
    /// Held while the configuration or tokens change, so that neither undoes what the other has put in force.
    pub(crate) changing: tokio::sync::Mutex<()>,
    pub(crate) system: Option<Arc<SystemServices>>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) end: parking_lot::Mutex<ServerEnd>,
}

impl Inner {
    /// Moves on to a later phase; false when it was reached before.
    pub(crate) fn advance(&self, phase: Phase) -> bool {
        self.phase.send_if_modified(|current| {
            let is_later = *current < phase;
            if is_later {
                *current = phase;
            }
            is_later
        })
    }
}

/// A server in this process. Dropping the handle leaves it running.
pub struct RunningServer {
    inner: Arc<Inner>,
}

impl RunningServer {
    pub(crate) fn new(parts: ServerParts, verdicts: Verdicts) -> Self {
        let ServerParts {
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
        } = parts;
        let (phase, _) = watch::channel(Phase::Running);
        let inner = Arc::new(Inner {
            services: Arc::clone(reporter.services()),
            reporter,
            supervisor,
            listeners,
            monitor,
            cluster,
            ports: parking_lot::Mutex::new(ports),
            watcher,
            tls,
            process,
            jetstream,
            linker: parking_lot::Mutex::new(linker),
            changing: tokio::sync::Mutex::default(),
            system,
            phase,
            end: parking_lot::Mutex::new(ServerEnd::Orderly),
        });
        actix::spawn(obey_verdict(Arc::clone(&inner), verdicts));
        actix::spawn(obey_reloads(Arc::clone(&inner), reloads, fetcher));
        actix::spawn(obey_authorities(Arc::clone(&inner)));
        Self { inner }
    }

    /// JetStream, where it is enabled.
    #[must_use]
    pub fn jetstream(&self) -> Option<&Arc<JetStreamServer>> {
        self.inner.jetstream.as_ref()
    }

    /// TCP address of the client listener.
    #[must_use]
    pub fn client_address(&self) -> Option<SocketAddr> {
        self.inner.listeners.iter().find_map(|listener| match listener.local() {
            LocalAddress::Tcp(address) => Some(*address),
            LocalAddress::Unix(_) => None,
        })
    }

    /// Who collects reports.
    #[must_use]
    pub fn reporter(&self) -> &Arc<Reporter> {
        &self.inner.reporter
    }

    /// Path of the Unix socket.
    #[must_use]
    pub fn unix_path(&self) -> Option<PathBuf> {
        self.inner.listeners.iter().find_map(|listener| match listener.local() {
            LocalAddress::Unix(path) => Some(path.clone()),
            LocalAddress::Tcp(_) => None,
        })
    }

    /// The client room.
    #[must_use]
    pub fn clients(&self) -> &Arc<ClientServices> {
        &self.inner.services
    }

    /// The route room, where the server is in a cluster.
    #[must_use]
    pub fn routes(&self) -> Option<&Arc<RouteServices>> {
        self.inner.cluster.as_ref().map(|cluster| &cluster.services)
    }

    /// The supervisor.
    #[must_use]
    pub fn supervisor(&self) -> &SupervisorHandle {
        &self.inner.supervisor
    }

    /// The phase at each moment.
    #[must_use]
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.inner.phase.subscribe()
    }

    /// Shuts down and waits until everything is closed.
    pub async fn shutdown(&self) -> ServerEnd {
        self.begin_shutdown();
        self.ended().await
    }
}

impl ControlledServer for RunningServer {
    async fn reload(&self) -> Result<(), String> {
        reload_from_file(&self.inner).await
    }

    fn enter_lame_duck(&self) {
        shutdown::enter_lame_duck(&self.inner);
    }

    fn is_lame_duck(&self) -> bool {
        *self.inner.phase.borrow() == Phase::LameDuck
    }

    fn begin_shutdown(&self) {
        shutdown::begin(&self.inner);
    }

    async fn ended(&self) -> ServerEnd {
        let mut phases = self.phases();
        // The sender lives in `inner`, so this cannot fail while `self` is borrowed.
        phases.wait_for(|phase| *phase == Phase::Stopped).await.ok();
        *self.inner.end.lock()
    }
}

/// Reads the configuration again and puts it in force.
async fn reload_from_file(inner: &Inner) -> Result<(), String> {
    let Some(process) = &inner.process else {
        return Err("can only reload config when a file is provided using -c or --config".to_owned());
    };
    let _changing = inner.changing.lock().await;
    let loaded = process.load_again()?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    reload::apply(inner, loaded.options).await
}

/// Does what the system account asks for, one thing after the other, until the server has ended.
async fn obey_reloads(inner: Arc<Inner>, mut reloads: ReloadRequests, fetcher: Option<HttpFetcher>) {
    let mut phases = inner.phase.subscribe();
    let mut finder = claims::Finder::new(&inner.services.options(), fetcher);
    let mut asked = Vec::new();
    let obey = async {
        loop {
            let due = finder.due();
            tokio::select! {
                Some(answer) = reloads.reloads.recv() => {
                    let outcome = reload_from_file(&inner).await;
                    if let Err(reason) = &outcome {
                        error!("Failed to reload server configuration: {reason}");
                    }
                    // Whoever asked may be gone.
                    answer.send(outcome).ok();
                }
                1.. = reloads.claims.recv_many(&mut asked, MAX_TOGETHER) => {
                    let _changing = inner.changing.lock().await;
                    claims::serve(&inner, &mut finder, std::mem::take(&mut asked)).await;
                }
                Some(wish) = reloads.wishes.recv() => finder.begin(&inner, wish),
                looked = finder.next() => {
                    let _changing = inner.changing.lock().await;
                    finder.take(&inner, looked).await;
                }
                () = claims::until(due) => finder.work(&inner),
                () = claims::activation_ends(&inner) => {
                    let _changing = inner.changing.lock().await;
                    claims::drop_ended(&inner).await;
                }
            }
        }
    };
    tokio::select! {
        () = obey => (),
        _ = phases.wait_for(|phase| *phase >= Phase::Draining) => (),
    }
}

/// Keeps what authorities say of certificates fresh and written down, until the server ends. It ends when its own certificate
/// was revoked.
async fn obey_authorities(inner: Arc<Inner>) {
    let Some(tls) = inner.tls.clone() else { return };
    let mut phases = inner.phase.subscribe();
    let save = async {
        loop {
            let cache = inner.services.ocsp_cache();
            let default = Duration::from_secs(300);
            let interval = cache.as_ref().map_or(default, |cache| cache.options().save_interval);
            tokio::time::sleep(interval).await;
            save_ocsp_cache(&inner).await;
        }
    };
    tokio::select! {
        _ = keep_stapled(tls) => shutdown::begin(&inner),
        () = save => (),
        _ = phases.wait_for(|phase| *phase >= Phase::Draining) => (),
    }
}

/// Writes down what authorities said of clients' certificates.
pub(crate) async fn save_ocsp_cache(inner: &Inner) {
    let Some(cache) = inner.services.ocsp_cache() else { return };
    tokio::task::spawn_blocking(move || cache.save()).await.ok();
}

/// Shuts down in order when an actor failed too often.
async fn obey_verdict(inner: Arc<Inner>, mut verdicts: Verdicts) {
    let verdict = verdicts.next().await;
    if *inner.phase.borrow() >= Phase::Draining {
        return;
    }
    // The supervisor has logged the first cause.
    error!(fatal = true, "{verdict}, shutting down");
    *inner.end.lock() = ServerEnd::GaveUp;
    shutdown::begin(&inner);
}
