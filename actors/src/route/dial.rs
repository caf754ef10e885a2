//! One connection attempt after the other.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use tokio::net::TcpStream;
use tracing::{debug, error};

use super::pursuit::Pursuit;
use super::{RouteFactory, RouteServices, Target};
use crate::net::{AcceptedSocket, RemoteAddress};

/// Time for one attempt.
const DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause where it doubles.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Most time added before a connection of a pool is opened again.
const JITTER: Duration = Duration::from_millis(100);
/// The same for the connection of a pinned account: two servers that open it at the same time close each other's.
const PINNED_JITTER: Duration = Duration::from_millis(500);
/// How often the pause doubles that follows a connection which came to nothing: up to 3.2 seconds.
const MAX_DOUBLINGS: u32 = 5;

/// Attempts for a server that others told of and that was connected already, where the configuration asks for none: some minutes. What
/// keeps two such servers apart may pass, and nobody tells them of each other once more.
const PATIENT_ATTEMPTS: u32 = 15;

/// Connects to `target` and opens a route there. Ends when it is connected, or not worth another attempt.
pub(super) async fn dial(services: Arc<RouteServices>, target: Target, pursuit: Arc<Pursuit>, is_reconnect: bool) {
    if is_reconnect {
        tokio::time::sleep(pause_before(&target, rand::rng().random_range(0.0..1.0))).await;
    }
    let mut pause = PAUSE;
    let mut attempts: u32 = 0;
    // Since others told of it last.
    let mut attempts_since: u32 = 0;
    while !services.is_closing() {
        if !is_still_wanted(&services, &target) {
            return;
        }
        let num_news = pursuit.num_news();
        let cause = match connect(&services, &target).await {
            Ok(Some(socket)) => return RouteFactory::new(Arc::clone(&services)).solicited(socket, target, pursuit),
            // Every address is this server's own.
            Ok(None) => return,
            Err(cause) => cause,
        };
        attempts += 1;
        attempts_since += 1;
        let options = services.options();
        let cluster = &options.cluster;
        let is_patient = is_reconnect && !target.is_explicit && cluster.connect_retries == 0;
        let every = match is_reconnect && !is_patient {
            true => options.reconnect_error_reports,
            false => options.connect_error_reports,
        };
        if attempts == 1 || attempts.is_multiple_of(every.max(1)) {
            error!("Error trying to connect to route (attempt {attempts}): {cause}");
        } else {
            debug!("Error trying to connect to route (attempt {attempts}): {cause}");
        }
        let retries = if is_patient { PATIENT_ATTEMPTS } else { cluster.connect_retries };
        let is_told = pursuit.num_news() != num_news;
        if !target.is_explicit && attempts_since > retries && !is_told {
            return;
        }
        // Others tell of it: it may be there by now. What they told during the attempt is no reason to try without a pause.
        let is_hurried = match is_told {
            true => {
                tokio::time::sleep(PAUSE).await;
                true
            }
            false => tokio::time::timeout(pause, pursuit.hurried(num_news)).await.is_ok(),
        };
        if is_hurried {
            (pause, attempts_since) = (PAUSE, 0);
        } else if cluster.connect_backoff || is_patient {
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Pause before a connection is opened again; `chance` is at least 0 and less than 1. Once one came to nothing the next ones are longer, up to
/// a limit, and more different from those of others: both servers of a route, and all servers of a cluster, may be at it.
fn pause_before(target: &Target, chance: f64) -> Duration {
    let jitter = if target.account.is_some() { PINNED_JITTER } else { JITTER };
    let least = if target.is_explicit { PAUSE } else { Duration::ZERO };
    let doublings = target.failures.saturating_sub(1).min(MAX_DOUBLINGS);
    let more = if doublings > 0 { JITTER * (1 << doublings) } else { Duration::ZERO };
    let least = least.max(more / 2);
    least + jitter.max(more / 2).mul_f64(chance)
}

fn is_still_wanted(services: &RouteServices, target: &Target) -> bool {
    let options = services.options();
    let shown = target.url.to_string();
    if target.is_explicit && !options.cluster.routes.iter().any(|url| url.is_same_place(&target.url)) {
        debug!("Not attempting to connect to explicit route {shown:?}, no longer part of configured routes");
        return false;
    }
    let Some(account) = &target.account else { return true };
    let is_pinned = services.with_registry(|registry| registry.table.pinned().contains(account));
    if !is_pinned {
        debug!("Not attempting to connect to route {shown:?} for account {account:?}, no longer a per-account route");
    }
    is_pinned
}

/// Connects to one of the addresses of the host, chosen at random; `None` when all are this server's own.
async fn connect(services: &RouteServices, target: &Target) -> Result<Option<AcceptedSocket>, String> {
    let host = &target.url.host;
    let Some(port) = target.url.port else { return Err(format!("address {host}: missing port in address")) };
    let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => {
            let found = tokio::net::lookup_host((host.as_str(), port)).await;
            found.map_err(|_| format!("lookup for host {host:?}: lookup {host}: no such host"))?.collect()
        }
    };
    let others: Vec<_> = addresses.iter().filter(|address| !services.is_own(address.ip(), port)).collect();
    if others.is_empty() && !addresses.is_empty() {
        return Ok(None);
    }
    let Some(address) = others.choose(&mut rand::rng()) else {
        return Err(format!("lookup for host {host:?}: no address"));
    };
    debug!("Trying to connect to route on {} ({address})", target.url.address());
    let go_text = |reason: &str| format!("dial tcp {address}: {reason}");
    let stream = match tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(cause)) => return Err(go_text(&format!("connect: {}", crate::net::os_text(&cause)))),
        Err(_) => return Err(go_text("i/o timeout")),
    };
    let accepted = |stream: TcpStream| -> io::Result<AcceptedSocket> {
        AcceptedSocket::tcp(stream.into_std()?, RemoteAddress::tcp(**address))
    };
    accepted(stream).map(Some).map_err(|cause| go_text(&cause.to_string()))
}

#[cfg(test)]
mod tests {
    use troupe_engine::options::RouteUrl;

    use super::*;

    fn pauses(is_explicit: bool, account: Option<&str>, failures: u32) -> (u64, u64) {
        let url = RouteUrl::parse("nats-route://127.0.0.1:6222").expect("a URL");
        let account = account.map(str::to_owned);
        let target = Target { url, is_explicit, gossip_mode: 0, account, failures };
        let millis = |chance| u64::try_from(pause_before(&target, chance).as_millis()).unwrap_or(u64::MAX);
        (millis(0.0), millis(1.0))
    }

    #[test]
    fn pauses_grow_with_connections_that_came_to_nothing() {
        // The first two are as nats-server's.
        assert_eq!(pauses(false, None, 0), (0, 100));
        assert_eq!(pauses(false, None, 1), (0, 100));
        assert_eq!(pauses(false, None, 2), (100, 200));
        assert_eq!(pauses(false, None, 4), (400, 800));
        assert_eq!(pauses(false, None, 6), (1600, 3200));
        assert_eq!(pauses(false, None, u32::MAX), (1600, 3200));
        assert_eq!(pauses(false, Some("A"), 1), (0, 500));
        assert_eq!(pauses(true, None, 0), (1000, 1100));
        assert_eq!(pauses(true, None, 2), (1000, 1100));
        assert_eq!(pauses(true, None, 6), (1600, 3200));
    }
}
