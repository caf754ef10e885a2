//! From an accepted socket to a connection actor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::BytesMut;
use tracing::error;
use troupe_engine::auth::Presented;
use troupe_engine::options::ConnectionType;

use super::actor::Established;
use super::local::arbiter_local;
use super::{ClientActor, ClientServices};
use crate::net::{AcceptedSocket, ConnectionFactory, Transport};
use crate::supervisor::ArbiterSlot;

/// Spreads accepted sockets over the connection arbiters and starts an actor for each.
#[derive(Clone, Debug)]
pub struct ClientFactory {
    services: Arc<ClientServices>,
    arbiters: Arc<[ArbiterSlot]>,
    next: Arc<AtomicUsize>,
}

impl ClientFactory {
    /// A factory over `arbiters`, of which there is at least one.
    #[must_use]
    pub fn new(services: Arc<ClientServices>, arbiters: Arc<[ArbiterSlot]>) -> Self {
        Self { services, arbiters, next: Arc::default() }
    }
}

impl ConnectionFactory for ClientFactory {
    fn accepted(&self, socket: AcceptedSocket) {
        let num_arbiters = self.arbiters.len();
        let number = self.next.fetch_add(1, Ordering::Relaxed) % num_arbiters;
        let services = Arc::clone(&self.services);
        self.arbiters[number].handle().spawn_fn(move || {
            let local = arbiter_local(&services, number, num_arbiters);
            let accepted = Instant::now();
            let cid = services.next_cid();
            let remote = socket.remote();
            match socket.register() {
                Err(cause) => error!("cannot serve {remote}: {cause}"),
                Ok(plain) => {
                    let connection = Established {
                        cid,
                        accepted,
                        remote,
                        transport: Transport::from(plain),
                        first_bytes: BytesMut::new(),
                        presented: Presented::new(ConnectionType::Standard),
                        owes_info: true,
                    };
                    let group = services.group.clone();
                    group.start(cid, |_| ClientActor::new(services, local, connection));
                }
            }
        });
    }
}
