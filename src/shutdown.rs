//! The end of a server: lame duck mode and shutdown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::seq::SliceRandom;
use tracing::{error, info};
use troupe_actors::client::registry::Entry;
use troupe_actors::client::{ClientCommand, ClientEvent};
use troupe_actors::connection::CloseReason;

use crate::run::ServerEnd;
use crate::server::{Inner, Phase, save_ocsp_cache};

/// Longest time for the last bytes of all clients.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// Longest time to tell listeners in the system account.
const TELL_LIMIT: Duration = Duration::from_millis(200);
/// Longest time one supervised actor has to stop.
const ACTOR_GRACE: Duration = Duration::from_secs(2);
/// The same where the server gives up: others may wait for the one that failed.
const GIVEN_UP_GRACE: Duration = Duration::from_millis(500);
/// Time between two looks at how many clients are left.
const DRAIN_STEP: Duration = Duration::from_millis(5);
/// Longest pause between two clients closed in lame duck mode.
const MAX_SPACING: Duration = Duration::from_secs(1);

/// Closes everything. Returns at once; does nothing when it runs already.
pub(crate) fn begin(inner: &Arc<Inner>) {
    if inner.advance(Phase::Draining) {
        actix::spawn(shut_down(Arc::clone(inner)));
    }
}

async fn shut_down(inner: Arc<Inner>) {
    info!("Initiating Shutdown...");
    inner.listeners.iter().for_each(troupe_actors::net::BoundListener::close);
    tell(&inner, ClientEvent::Shutdown).await;
    if let Some(cluster) = &inner.cluster {
        cluster.stop();
    }
    stop_streams(&inner).await;
    close_clients(&inner).await;
    save_ocsp_cache(&inner).await;
    close_routes(&inner).await;
    let has_given_up = *inner.end.lock() == ServerEnd::GaveUp;
    inner.supervisor.shutdown(if has_given_up { GIVEN_UP_GRACE } else { ACTOR_GRACE }).await;
    if let Some(jetstream) = &inner.jetstream {
        jetstream.close();
    }
    if let Some(monitor) = &inner.monitor {
        monitor.close();
    }
    if let Some(watcher) = &inner.watcher {
        watcher.abort();
    }
    if let Some(Err(cause)) = inner.ports.lock().take().map(crate::files::PortsFile::remove) {
        error!("{cause}");
    }
    info!("Server Exiting..");
    inner.advance(Phase::Stopped);
}

/// Tells listeners in the system account, and waits a little until they are told.
async fn tell(inner: &Inner, event: ClientEvent) {
    let events = &inner.services.events;
    events.tell(|| event);
    let deadline = Instant::now() + TELL_LIMIT;
    while !events.is_idle() && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_STEP).await;
    }
}

/// Ends the streams while their clients can still be told.
async fn stop_streams(inner: &Inner) {
    let Some(jetstream) = &inner.jetstream else { return };
    info!("Initiating JetStream Shutdown...");
    jetstream.stop_streams().await;
    info!("JetStream Shutdown");
}

async fn close_clients(inner: &Inner) {
    for entry in inner.services.registry.all() {
        entry.sink.close_after_flush(CloseReason::ServerShutdown);
    }
    let deadline = Instant::now() + DRAIN_LIMIT;
    let is_drained = || inner.services.registry.is_empty() && inner.services.num_writers() == 0;
    while !is_drained() && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_STEP).await;
    }
    for entry in inner.services.registry.all() {
        entry.sink.close(CloseReason::ServerShutdown);
    }
}

async fn close_routes(inner: &Inner) {
    let Some(cluster) = &inner.cluster else { return };
    cluster.close_routes();
    let deadline = Instant::now() + DRAIN_LIMIT;
    while cluster.services.num_routes() > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_STEP).await;
    }
}

/// Takes no new clients, tells the others, closes them one by one, then shuts down. Returns at once.
pub(crate) fn enter_lame_duck(inner: &Arc<Inner>) {
    if inner.advance(Phase::LameDuck) {
        inner.services.enter_lame_duck();
        actix::spawn(lame_duck(Arc::clone(inner)));
    }
}

async fn lame_duck(inner: Arc<Inner>) {
    info!("Entering lame duck mode, stop accepting new clients");
    inner.listeners.iter().for_each(troupe_actors::net::BoundListener::close);
    // Those of other servers stay.
    let urls = inner.cluster.as_ref().map(|cluster| cluster.services.other_urls()).unwrap_or_default();
    inner.services.change_info(|info| {
        info.ldm = true;
        info.connect_urls.clone_from(&urls);
    });
    tell(&inner, ClientEvent::LameDuck).await;
    if let Some(cluster) = &inner.cluster {
        cluster.enter_lame_duck();
    }
    let mut clients = inner.services.registry.all();
    if clients.is_empty() {
        return begin(&inner);
    }
    for entry in &clients {
        entry.address.do_send(ClientCommand::PushInfo);
    }
    let timing = inner.services.options().lame_duck.clone();
    tokio::time::sleep(timing.grace_period).await;
    info!("Closing existing clients");
    clients.shuffle(&mut rand::rng());
    close_one_by_one(&inner, clients, timing.duration.saturating_sub(timing.grace_period)).await;
    begin(&inner);
}

/// Spreads the closes over `time`, each after a random pause between half and the whole of an equal share.
async fn close_one_by_one(inner: &Inner, clients: Vec<Entry>, time: Duration) {
    let count = u32::try_from(clients.len()).unwrap_or(u32::MAX).max(1);
    let share = (time / count).min(MAX_SPACING);
    let mut clients = clients.into_iter().peekable();
    while let Some(entry) = clients.next() {
        entry.sink.close_after_flush(CloseReason::ServerShutdown);
        if clients.peek().is_none() {
            return;
        }
        tokio::time::sleep(share.mul_f64(rand::rng().random_range(0.5..=1.0))).await;
        if *inner.phase.borrow() >= Phase::Draining || inner.services.registry.is_empty() {
            return;
        }
    }
}
