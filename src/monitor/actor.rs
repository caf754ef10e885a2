//! The supervised actor that owns the monitor's workers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tracing::error;
use troupe_actors::auth::MonitorGate;
use troupe_actors::net::BoundListener;
use troupe_actors::net::tls::TlsAcceptorHandle;
use troupe_actors::report::Reporter;
use troupe_actors::supervisor::{ChildContext, SupervisedActor};

use super::guard::{guard, note_certificates};
use super::{Feed, MonitorState, configure, feed};

/// Threads that answer. Two, so that a long report does not hold up the health check.
const WORKERS: usize = 2;
/// Time for the head of a request, as in nats-server.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds that open requests have when the server stops.
const STOP_SECONDS: u64 = 1;
/// Most connections to the monitor at a time, per worker.
const MAX_CONNECTIONS: usize = 1024;

/// What the monitor needs; cloned by the supervisor's factory for every restart.
#[derive(Clone)]
pub(crate) struct MonitorSettings {
    /// The socket. It stays open in the supervisor's clone while the actor is restarted.
    pub(crate) socket: BoundListener,
    /// Certificates, where the port takes TLS.
    pub(crate) tls: Option<TlsAcceptorHandle>,
    /// Path in front of every endpoint.
    pub(crate) prefix: String,
    /// Who collects.
    pub(crate) reporter: Arc<Reporter>,
    /// What happens, once a second.
    pub(crate) feed: Arc<Feed>,
}

/// Runs the HTTP server.
pub(crate) struct Monitor {
    settings: MonitorSettings,
    context: ChildContext,
    handle: Option<ServerHandle>,
    open_requests: Arc<AtomicUsize>,
}

impl Monitor {
    /// An instance.
    pub(crate) fn new(settings: MonitorSettings, context: ChildContext) -> Self {
        Self { settings, context, handle: None, open_requests: Arc::default() }
    }

    /// Starts the workers; `None` when the socket was closed on purpose.
    fn serve(&self) -> io::Result<Option<Server>> {
        let Some(socket) = self.settings.socket.tcp_listener()? else { return Ok(None) };
        let prefix = self.settings.prefix.clone();
        let reporter = Arc::clone(&self.settings.reporter);
        let feed = Arc::clone(&self.settings.feed);
        let (gate, open_requests) = (MonitorGate::default(), Arc::clone(&self.open_requests));
        let options = reporter.services().options();
        let auth = options.monitor.auth.as_ref();
        let (verify, ca_file) = auth.map_or((false, None), |auth| (auth.verify, auth.ca_file.as_deref()));
        let prefix_of_state = prefix.clone();
        let state = MonitorState { reporter, gate, feed, prefix: prefix_of_state, open_requests };
        let state = web::Data::new(state);
        let app = move || {
            let app = App::new().app_data(web::Data::clone(&state)).wrap(from_fn(guard));
            app.configure(|config| configure(config, &prefix))
        };
        let server = HttpServer::new(app)
            .workers(WORKERS)
            .max_connections(MAX_CONNECTIONS)
            .client_request_timeout(HEAD_TIMEOUT)
            .shutdown_timeout(STOP_SECONDS)
            .disable_signals();
        let server = match &self.settings.tls {
            None => server.listen(socket)?,
            Some(tls) => {
                let config = tls.config_for_others(verify, ca_file).map_err(io::Error::other)?;
                server.on_connect(note_certificates).listen_rustls_0_23(socket, config)?
            }
        };
        Ok(Some(server.run()))
    }
}

impl Actor for Monitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.context.checkpoint("started");
        ctx.run_interval(feed::INTERVAL, |monitor, _| monitor.settings.feed.tick(Instant::now(), SystemTime::now()));
        match self.serve() {
            Ok(None) => {}
            Ok(Some(server)) => {
                self.handle = Some(server.handle());
                ctx.spawn(server.into_actor(self).map(|result, _, ctx| {
                    if let Err(cause) = result {
                        error!("Error in the monitor: {cause}");
                    }
                    ctx.stop();
                }));
            }
            Err(cause) => {
                error!("Error starting monitor: {cause}");
                ctx.stop();
            }
        }
    }
}

impl SupervisedActor for Monitor {
    fn stop_requested(&mut self, ctx: &mut Context<Self>) {
        self.settings.feed.dismiss_listeners();
        match self.handle.take() {
            // The server's future ends then, and the actor with it. Connections without a request are not waited for.
            Some(handle) => {
                let is_busy = self.open_requests.load(Ordering::Acquire) > 0;
                ctx.spawn(handle.stop(is_busy).into_actor(self));
            }
            None => ctx.stop(),
        }
    }
}

impl Drop for Monitor {
    /// A successor listens on the same socket: no worker of this instance may go on accepting.
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            drop(handle.stop(false));
        }
    }
}
