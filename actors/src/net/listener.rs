//! The actor that accepts connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use socket2::Socket;
use tokio::net::{TcpListener, UnixListener};
use tracing::{debug, error};

use super::bind::LocalAddress;
use super::{AcceptedSocket, BoundListener, RemoteAddress};
use crate::supervisor::{ChildContext, SupervisedActor};

/// Pause after the first failed accept; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Receives every accepted socket, on the listener's thread: it must not block. It picks an arbiter and starts a
/// connection there.
pub trait ConnectionFactory: Send + Sync {
    /// Takes over one socket.
    fn accepted(&self, socket: AcceptedSocket);
}

impl<F: Fn(AcceptedSocket) + Send + Sync> ConnectionFactory for F {
    fn accepted(&self, socket: AcceptedSocket) {
        self(socket);
    }
}

/// What a listener needs; cloned by the supervisor's factory for every restart.
#[derive(Clone)]
pub struct ListenerSettings {
    /// Kind of connection, as in nats-server's accept errors: `Client`.
    pub name: &'static str,
    /// The socket.
    pub socket: BoundListener,
    /// Who takes the connections.
    pub factory: Arc<dyn ConnectionFactory>,
}

/// Stops accepting and closes the socket for good (lame duck, shutdown). The actor has nothing to do then.
#[derive(Clone, Copy, Debug)]
pub struct StopListening;

impl Message for StopListening {
    type Result = ();
}

/// Accepts connections on one socket and hands them to a factory.
///
/// When the actor dies the socket stays open in the supervisor's clone of [`ListenerSettings`]: connections wait in
/// the backlog until the next instance takes over.
pub struct Listener {
    settings: ListenerSettings,
    context: Option<ChildContext>,
}

impl Listener {
    /// An instance for [`Actor::start`].
    #[must_use]
    pub fn new(settings: ListenerSettings) -> Self {
        Self { settings, context: None }
    }

    /// A supervised instance.
    #[must_use]
    pub fn supervised(settings: ListenerSettings, context: ChildContext) -> Self {
        Self { settings, context: Some(context) }
    }
}

impl SupervisedActor for Listener {}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let settings = self.settings.clone();
        let context = self.context.clone();
        let work = async move {
            let result = accept_all(&settings, context.as_ref()).await;
            match result {
                Ok(()) => debug!("{} accept loop exiting..", settings.name),
                Err(cause) => error!("{} Accept error: {cause}", settings.name),
            }
        };
        ctx.spawn(work.into_actor(self).map(|(), actor, ctx| actor.end(ctx)));
    }
}

impl Listener {
    /// Stops, except where the socket was closed on purpose: a supervisor would only bring the actor back, so it idles until
    /// it is told to stop.
    fn end(&self, ctx: &mut Context<Self>) {
        if self.context.is_none() || !self.settings.socket.is_closed() {
            ctx.stop();
        }
    }
}

impl Handler<StopListening> for Listener {
    type Result = ();

    fn handle(&mut self, _: StopListening, ctx: &mut Self::Context) {
        self.settings.socket.close();
        self.end(ctx);
    }
}

/// Accepts until the socket is closed. A full descriptor table or no memory is waited out.
///
/// # Errors
/// The socket is unusable; the supervisor starts another instance.
async fn accept_all(settings: &ListenerSettings, context: Option<&ChildContext>) -> io::Result<()> {
    let Some(socket) = settings.socket.descriptor()? else { return Ok(()) };
    let socket = Watched::new(socket, settings.socket.local())?;
    let mut pause = FIRST_PAUSE;
    loop {
        match socket.accept().await {
            Ok(accepted) => {
                pause = FIRST_PAUSE;
                if let Some(context) = context {
                    context.heartbeat().touch();
                    context.checkpoint("accepted");
                }
                settings.factory.accepted(accepted);
            }
            Err(_) if settings.socket.is_closed() => return Ok(()),
            Err(cause) if is_peers_fault(&cause) => {}
            Err(cause) if !is_temporary(&cause) => return Err(cause),
            Err(cause) => {
                error!("Temporary {} Accept Error({cause}), sleeping {}ms", settings.name, pause.as_millis());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// The connection was gone before it could be taken; the listener is fine.
fn is_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn is_temporary(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// The socket, watched by the runtime of the listener's arbiter.
#[derive(Debug)]
enum Watched {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Watched {
    fn new(socket: Socket, local: &LocalAddress) -> io::Result<Self> {
        match local {
            LocalAddress::Tcp(_) => TcpListener::from_std(socket.into()).map(Self::Tcp),
            LocalAddress::Unix(_) => UnixListener::from_std(socket.into()).map(Self::Unix),
        }
    }

    async fn accept(&self) -> io::Result<AcceptedSocket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                AcceptedSocket::tcp(stream.into_std()?, RemoteAddress::tcp(remote))
            }
            Self::Unix(listener) => AcceptedSocket::unix(listener.accept().await?.0.into_std()?),
        }
    }
}

#[cfg(test)]
#[path = "listener_test.rs"]
mod tests;
