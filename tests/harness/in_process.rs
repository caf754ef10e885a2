//! Servers started inside the test's own process, each on a thread with an actix system of its own.
//!
//! For tests that inject faults or look at the supervision board: they need the server's handle, not only its socket. Tests
//! that only need a socket use a [`process`](crate::process), as users do.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{mpsc as async_mpsc, watch};
use troupe::run::{ControlledServer, ServerEnd};
use troupe::{Phase, RunningServer};
use troupe_actors::client::ClientServices;
use troupe_actors::router::AccountView;
use troupe_actors::supervisor::{
    BoardSnapshot, ChildState, ChildStatus, Fault, FaultRegistry, GroupStatus, InjectedFault, Injection,
    SupervisorHandle,
};
use troupe_engine::options::{GLOBAL_ACCOUNT, ListenOptions, Options};

use crate::raw::RawClient;
use crate::wait::eventually;

/// What connections say first: no `+OK`, headers on, requests that nobody takes are answered with 503.
const CONNECT: &str =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\n";

/// A server in this process. Dropping it shuts it down.
pub struct InProcess {
    address: SocketAddr,
    services: Arc<ClientServices>,
    supervisor: SupervisorHandle,
    phases: watch::Receiver<Phase>,
    orders: async_mpsc::UnboundedSender<Order>,
    thread_opt: Option<JoinHandle<ServerEnd>>,
}

enum Order {
    LameDuck,
    Shutdown,
}

/// What a started server hands to the test's thread.
struct Parts {
    address: SocketAddr,
    services: Arc<ClientServices>,
    supervisor: SupervisorHandle,
    phases: watch::Receiver<Phase>,
}

impl InProcess {
    /// Starts a server with default options on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// Panics when it does not start.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a server with these options, on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// Panics when it does not start.
    pub fn start_with(options: Options) -> Self {
        let listen = ListenOptions { host: "127.0.0.1".into(), port: -1, ..options.listen };
        let options = Options { listen, ..options };
        let (ready, started) = mpsc::channel();
        let (orders, inbox) = async_mpsc::unbounded_channel();
        let thread = std::thread::spawn(move || actix_rt::System::new().block_on(run(options, ready, inbox)));
        let Parts { address, services, supervisor, phases } = started.recv().expect("the server starts");
        Self { address, services, supervisor, phases, orders, thread_opt: Some(thread) }
    }

    /// Returns the address of the client listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a raw connection and reads its INFO.
    ///
    /// # Panics
    /// Panics when the server does not answer.
    pub fn connect(&self) -> RawClient {
        let mut client = RawClient::connect(self.address);
        client.expect("INFO {");
        client
    }

    /// Opens a connection that has said CONNECT and whose PING was answered.
    ///
    /// # Panics
    /// Panics when the server does not answer.
    pub fn join(&self) -> RawClient {
        let mut client = self.connect();
        client.flush(CONNECT);
        client
    }

    /// Opens connections on one arbiter, in the order of their ids. Others are opened and closed in between.
    ///
    /// # Panics
    /// Panics when the server does not answer.
    pub fn join_on_one_arbiter(&self, count: usize) -> Vec<RawClient> {
        let num_arbiters = self.num_arbiters();
        let mut all: Vec<RawClient> = (0..count * num_arbiters).map(|_| self.join()).collect();
        let mut number = 0;
        all.retain(|_| {
            number += 1;
            (number - 1) % num_arbiters == 0
        });
        self.wait_connections(count);
        all
    }

    /// Returns the supervisor.
    pub fn supervisor(&self) -> &SupervisorHandle {
        &self.supervisor
    }

    /// Copies the supervision board.
    pub fn board(&self) -> BoardSnapshot {
        self.supervisor.board().snapshot()
    }

    /// Returns the board's line of a supervised actor.
    ///
    /// # Panics
    /// Panics when there is none.
    pub fn child(&self, name: &str) -> ChildStatus {
        self.supervisor.board().child(name).unwrap_or_else(|| panic!("{name} is not on the board"))
    }

    /// Returns the counters of client actors.
    ///
    /// # Panics
    /// Panics when there are none.
    pub fn client_actors(&self) -> GroupStatus {
        self.supervisor.board().group("client").expect("client actors are counted")
    }

    /// Returns what all client connections share.
    pub fn services(&self) -> &Arc<ClientServices> {
        &self.services
    }

    /// Returns the account of connections without credentials.
    ///
    /// # Panics
    /// Panics when there is none.
    pub fn account(&self) -> Arc<AccountView> {
        self.services.accounts.get(GLOBAL_ACCOUNT).expect("the global account exists")
    }

    /// Returns the number of arbiters that run connections.
    pub fn num_arbiters(&self) -> usize {
        self.board().arbiters.iter().filter(|arbiter| arbiter.name.starts_with("connections-")).count()
    }

    /// Returns the number of subscriptions of clients in the index of the global account.
    pub fn num_indexed(&self) -> usize {
        let mut count = 0;
        self.account().snapshot().for_each(&mut |subscription| count += usize::from(subscription.client().is_some()));
        count
    }

    /// Returns the switches of injected faults.
    pub fn faults(&self) -> &FaultRegistry {
        self.supervisor.faults().registry()
    }

    /// Arms a fault that strikes once, at the next checkpoint of `target`.
    pub fn inject(&self, target: &str, fault: Fault) -> InjectedFault {
        self.faults().inject(Injection::new(target, fault))
    }

    /// Waits until a supervised actor runs after at least `restarts` restarts.
    ///
    /// # Panics
    /// Panics when that does not happen in time.
    pub fn wait_restarts(&self, name: &str, restarts: u64) -> ChildStatus {
        eventually(&format!("{name} runs after {restarts} restarts"), || {
            Some(self.child(name))
                .filter(|status| status.num_restarts >= restarts && status.state == ChildState::Running)
        })
    }

    /// Waits until the registry and the account count this many connections.
    ///
    /// # Panics
    /// Panics when that does not happen in time.
    pub fn wait_connections(&self, count: usize) {
        let account = self.account();
        eventually(&format!("{count} connections are left"), || {
            (self.services.registry.len() == count && account.num_connections() == count as u64).then_some(())
        });
    }

    /// Tells how far the server's life has come.
    pub fn phase(&self) -> Phase {
        *self.phases.borrow()
    }

    /// Waits for a phase, or a later one.
    ///
    /// # Panics
    /// Panics when it is not reached in time.
    pub fn wait_phase(&self, phase: Phase) {
        eventually(&format!("the server is {phase:?}"), || (self.phase() >= phase).then_some(()));
    }

    /// Starts lame duck mode. Returns at once.
    pub fn enter_lame_duck(&self) {
        self.orders.send(Order::LameDuck).ok();
    }

    /// Starts the shutdown. Returns at once.
    pub fn begin_shutdown(&self) {
        self.orders.send(Order::Shutdown).ok();
    }

    /// Shuts down and waits for the end.
    ///
    /// # Panics
    /// Panics when the server's thread has.
    pub fn shutdown(self) -> ServerEnd {
        self.begin_shutdown();
        self.wait_end()
    }

    /// Waits until the server has ended and returns why.
    ///
    /// # Panics
    /// Panics when the server's thread has.
    pub fn wait_end(mut self) -> ServerEnd {
        let thread = self.thread_opt.take().expect("only the end takes the thread");
        thread.join().expect("the server's thread does not panic")
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.faults().clear();
        self.begin_shutdown();
        if let Some(thread) = self.thread_opt.take().filter(|_| !std::thread::panicking()) {
            thread.join().ok();
        }
    }
}

async fn run(
    options: Options,
    ready: mpsc::Sender<Parts>,
    mut inbox: async_mpsc::UnboundedReceiver<Order>,
) -> ServerEnd {
    let server = troupe::start(options).await.unwrap_or_else(|error| panic!("the server does not start: {error}"));
    ready.send(parts(&server)).ok();
    let ended = server.ended();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            end = &mut ended => return end,
            Some(order) = inbox.recv() => match order {
                Order::LameDuck => server.enter_lame_duck(),
                Order::Shutdown => server.begin_shutdown(),
            },
        }
    }
}

fn parts(server: &RunningServer) -> Parts {
    Parts {
        address: server.client_address().expect("a TCP listener"),
        services: Arc::clone(server.clients()),
        supervisor: server.supervisor().clone(),
        phases: server.phases(),
    }
}
