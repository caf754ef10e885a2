//! Routes, as `/varz` and `/routez` show them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use troupe_codecs::peer::SubjectLists;
use troupe_codecs::report::peers::{RouteInfo, RoutezOptions, SubjectRules};
use troupe_codecs::report::varz_blocks::ClusterVarz;
use troupe_codecs::report::{SubDetail, Timestamp, rtt_text, uptime_text};
use troupe_engine::index::SubscriptionFacts;
use troupe_engine::options::tls::DEFAULT_TLS_TIMEOUT;
use troupe_engine::options::{ClusterOptions, RouteUrl, SubjectPermission};
use troupe_engine::route::Member;

use super::connz_rows::between;
use super::sources::{PeerCounts, RouteList, RouteSource};
use super::subsz::{detail, text};
use super::varz::write_timeout;
use crate::route::RouteServices;
use crate::route::registry::PeerEntry;
use crate::router::subscription::Receiver;
use crate::router::{Accounts, Subscription};

/// Routes of this server.
#[derive(Clone, Debug)]
pub struct RouteReport(Arc<RouteServices>);

impl RouteReport {
    /// Reports on `services`.
    #[must_use]
    pub fn new(services: Arc<RouteServices>) -> Self {
        Self(services)
    }
}

impl RouteSource for RouteReport {
    fn counts(&self) -> PeerCounts {
        let (connections, remotes, traffic) = self.0.totals();
        PeerCounts { connections: connections as u64, remotes: remotes as u64, traffic }
    }

    fn varz(&self) -> ClusterVarz {
        let options = self.0.options();
        let cluster = &options.cluster;
        let certificate_end = self.0.tls().and_then(|tls| tls.server.certificate_not_after());
        ClusterVarz {
            name: self.0.cluster().name,
            cluster_port: i32::from(self.0.port()),
            tls_cert_not_after: certificate_end.map(Timestamp::from_unix_seconds),
            ..configured(cluster)
        }
    }

    fn routez(&self, options: &RoutezOptions) -> RouteList {
        let own = self.0.options();
        let rights = own.cluster.permissions.as_ref();
        let rules = |permission: &SubjectPermission| SubjectRules {
            allow: permission.allow.clone().unwrap_or_default(),
            deny: permission.deny.clone(),
        };
        let mut members = self.0.with_registry(|registry| registry.all());
        members.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
        let wants_subscriptions = options.subscriptions || options.subscriptions_detail;
        let subscriptions = if wants_subscriptions { by_route(self.0.accounts()) } else { HashMap::new() };
        let now = SystemTime::now();
        let row = |(member, entry): &(Member, PeerEntry)| {
            let mut info = info(member, entry, now);
            let own = subscriptions.get(&member.rid).map(Vec::as_slice).unwrap_or_default();
            if options.subscriptions_detail {
                let is_named = member.account.is_none();
                info.subscriptions_list_detail = own.iter().map(|one| one.detail(is_named)).collect();
            } else {
                info.subscriptions_list = own.iter().map(|one| text(one.subscription.subject())).collect();
            }
            info
        };
        RouteList {
            import: rights.and_then(|rights| rights.publish.as_ref()).map(rules),
            export: rights.and_then(|rights| rights.subscribe.as_ref()).map(rules),
            routes: members.iter().map(row).collect(),
        }
    }
}

fn configured(cluster: &ClusterOptions) -> ClusterVarz {
    let tls = cluster.tls.as_ref();
    ClusterVarz {
        addr: cluster.host.clone(),
        auth_timeout: cluster.auth_timeout().as_secs_f64(),
        urls: cluster.routes.iter().map(RouteUrl::address).collect(),
        tls_timeout: tls.map_or(DEFAULT_TLS_TIMEOUT, |tls| tls.timeout).as_secs_f64(),
        tls_required: tls.is_some(),
        tls_verify: tls.is_some(),
        pool_size: i32::try_from(cluster.pool_size).unwrap_or(i32::MAX),
        write_deadline: cluster.write_deadline.unwrap_or_default(),
        write_timeout: write_timeout(cluster.write_timeout),
        ..ClusterVarz::default()
    }
}

/// Pools come first, by server and place, then the connections of single accounts.
fn order(member: &Member) -> (Option<&str>, &str, usize, u64) {
    (member.account.as_deref(), &member.remote_name, member.pool_idx, member.rid)
}

fn info(member: &Member, entry: &PeerEntry, now: SystemTime) -> RouteInfo {
    let (sink, status) = (&entry.sink, &entry.status);
    let (remote, traffic) = (sink.remote(), sink.traffic().read());
    let rules = |lists: &SubjectLists| SubjectRules { allow: lists.allow.clone(), deny: lists.deny.clone() };
    RouteInfo {
        rid: member.rid,
        remote_id: member.remote_id.clone(),
        remote_name: member.remote_name.clone(),
        did_solicit: member.did_solicit,
        is_configured: member.is_explicit,
        ip: remote.ip().map(|ip| ip.to_string()).unwrap_or_default(),
        port: remote.port(),
        start: Timestamp(status.start()),
        last_activity: Timestamp(status.last_activity()),
        rtt: rtt_text(status.rtt()),
        uptime: uptime_text(between(status.start(), now)),
        idle: uptime_text(between(status.last_activity(), now)),
        import: entry.rules.import.as_ref().map(rules),
        export: entry.rules.export.as_ref().map(rules),
        pending_size: sink.outbound().pending() as u64,
        in_msgs: traffic.in_msgs,
        out_msgs: traffic.out_msgs,
        in_bytes: traffic.in_bytes,
        out_bytes: traffic.out_bytes,
        subscriptions: sink.num_subscriptions(),
        subscriptions_list: Vec::new(),
        subscriptions_list_detail: Vec::new(),
        account: member.account.clone().unwrap_or_default(),
        compression: entry.compression.to_owned(),
    }
}

/// One interest of another server.
struct Interest {
    account: Arc<str>,
    subscription: Arc<Subscription>,
    rid: u64,
}

impl Interest {
    /// As nats-server shows it: its id is the line that told of it.
    fn detail(&self, names_account: bool) -> SubDetail {
        let subscription = &self.subscription;
        let origin = text(subscription.origin());
        let account = if names_account { &*self.account } else { "" };
        let (subject, queue) = (text(subscription.subject()), text(subscription.queue().unwrap_or_default()));
        let kind = if origin.is_empty() { "R" } else { "L" };
        let parts = [kind, &origin, account, &subject, &queue];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        SubDetail { sid: parts.join(" "), cid: self.rid, ..detail(subscription) }
    }
}

/// The interest of other servers by connection, found in the published indexes: no connection is asked.
fn by_route(accounts: &Accounts) -> HashMap<u64, Vec<Interest>> {
    let mut found: HashMap<u64, Vec<Interest>> = HashMap::new();
    for account in accounts.all() {
        account.snapshot().for_each(&mut |subscription: &Arc<Subscription>| {
            let Receiver::Peer(link) = subscription.receiver() else { return };
            let rid = link.sink().cid();
            let (account, subscription) = (Arc::clone(account.name()), Arc::clone(subscription));
            found.entry(rid).or_default().push(Interest { account, subscription, rid });
        });
    }
    found
}
