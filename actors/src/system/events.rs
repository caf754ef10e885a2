//! What happens, told in the system account.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use troupe_codecs::report::peers::RouteInfo;
use troupe_codecs::report::varz::KindCounts;
use troupe_codecs::report::{Layout, RoutezOptions, Timestamp, render};
use troupe_codecs::system::event::{
    CERTIFICATE_INVALID, CERTIFICATE_REFUSED, CONNECT, CONNECTIONS, CertificateInfo, CertificateInvalid,
    CertificateRefused, DISCONNECT, EventHead, KindStats, RouteStat, ServerStats,
};
use troupe_codecs::system::{AccountConnections, Amount, ClientInfo, ConnectEvent, DisconnectEvent, StatszEvent};
use troupe_engine::id::nuid;
use troupe_engine::options::GLOBAL_ACCOUNT;

use super::SystemServices;
use super::actor::System;
use crate::client::ClientEvent;
use crate::connection::{CloseReason, Traffic};
use crate::net::tls::PeerCertificate;
use crate::router::{AccountView, ClientSink};

/// Told in the account of somebody who was not let in.
const ACCOUNT_REFUSED: &[u8] = b"$SYS.ACCOUNT.CLIENT.AUTH.ERR";

impl System {
    /// Tells of one event, where somebody listens.
    pub(super) fn tell_event(&self, event: &ClientEvent) {
        match event {
            ClientEvent::Connected { sink, account } => self.tell_connected(sink, account),
            ClientEvent::Disconnected { sink, account, traffic, reason, at } => {
                self.tell_connections(account);
                let subject = format!("$SYS.ACCOUNT.{account}.DISCONNECT");
                self.tell_gone(&subject, (sink, account), *traffic, reason, *at);
            }
            ClientEvent::Refused { sink, user, traffic, reason, at, told } => {
                let id = self.services.reporter.server_id();
                // Who came too late was not refused.
                if *reason != CloseReason::AuthenticationTimeout.text() {
                    let by_configuration = (GLOBAL_ACCOUNT, *reason);
                    let (account, why) =
                        told.as_ref().map_or(by_configuration, |(account, why)| (&**account, why.as_str()));
                    self.tell_account(account, (sink, user), *traffic, why, *at);
                    let subject = format!("$SYS.SERVER.{id}.CLIENT.AUTH.ERR");
                    self.tell_refused(&subject, sink, user, *traffic, reason, *at);
                }
                let subject = format!("$SYS.ACCOUNT.{GLOBAL_ACCOUNT}.DISCONNECT");
                self.tell_refused(&subject, sink, user, *traffic, reason, *at);
            }
            ClientEvent::CertificateRefused { peer, reason } => self.tell_certificate(peer, None, reason),
            ClientEvent::CertificateInvalid { peer, link, reason } => self.tell_certificate(peer, Some(link), reason),
            ClientEvent::LameDuck => self.tell_server("LAMEDUCK"),
            ClientEvent::Shutdown => self.tell_server("SHUTDOWN"),
        }
    }

    fn is_heard(&self, subject: &str) -> bool {
        self.services.account.has_interest_beside(subject.as_bytes(), &self.services.inbox)
    }

    fn tell_server(&self, what: &str) {
        let subject = format!("$SYS.SERVER.{}.{what}", self.services.reporter.server_id());
        self.tell(&subject, &self.services.stamp());
    }

    /// Tells that a client was not let in for its certificates, or which of them is not good.
    fn tell_certificate(&self, peer: &PeerCertificate, link: Option<&PeerCertificate>, reason: &str) {
        let what = if link.is_some() { "LINK.INVALID" } else { "CONN.REJECT" };
        let subject = format!("$SYS.SERVER.{}.OCSP.PEER.{what}", self.services.reporter.server_id());
        if !self.is_heard(&subject) {
            return;
        }
        let (peer, server, reason) = (certificate_info(peer), self.services.stamp(), reason.to_owned());
        match link.map(certificate_info) {
            None => {
                let head = head(CERTIFICATE_REFUSED);
                self.tell(&subject, &CertificateRefused { head, kind: "Client", peer, server, reason });
            }
            Some(link) => {
                let head = head(CERTIFICATE_INVALID);
                self.tell(&subject, &CertificateInvalid { head, link, peer, server, reason });
            }
        }
    }

    fn tell_connected(&self, sink: &Arc<ClientSink>, account: &str) {
        self.tell_connections(account);
        let subject = format!("$SYS.ACCOUNT.{account}.CONNECT");
        if !self.is_heard(&subject) {
            return;
        }
        // A client that has just come has no round trip time yet.
        let client = ClientInfo { rtt: 0, ..self.client(sink, account) };
        let head = head(CONNECT);
        self.tell(&subject, &ConnectEvent { head, server: self.services.stamp(), client });
    }

    fn tell_gone(
        &self,
        subject: &str,
        (sink, account): (&Arc<ClientSink>, &str),
        traffic: Traffic,
        reason: &str,
        at: SystemTime,
    ) {
        if self.is_heard(subject) {
            let client = self.client(sink, account);
            self.tell_disconnect(subject, client, traffic, reason, at);
        }
    }

    fn tell_refused(
        &self,
        subject: &str,
        sink: &Arc<ClientSink>,
        user: &str,
        traffic: Traffic,
        reason: &str,
        at: SystemTime,
    ) {
        if self.is_heard(subject) {
            let client = ClientInfo { user: user.to_owned(), ..self.client(sink, GLOBAL_ACCOUNT) };
            self.tell_disconnect(subject, client, traffic, reason, at);
        }
    }

    /// Tells in the account that decided, or in that of all connections without an account, that somebody was not let in.
    fn tell_account(
        &self,
        account: &str,
        (sink, user): (&Arc<ClientSink>, &str),
        traffic: Traffic,
        reason: &str,
        at: SystemTime,
    ) {
        let account = self.services.reporter.services().accounts.get(account);
        let Some(account) = account.filter(|account| account.has_interest(ACCOUNT_REFUSED)) else { return };
        let client = self.client(sink, account.name());
        let client = ClientInfo { user: user.to_owned(), name_tag: GLOBAL_ACCOUNT.to_owned(), ..client };
        let event = self.disconnect(client, traffic, reason, at);
        self.publish(&account, ACCOUNT_REFUSED, &render(&event, Layout::Compact).unwrap_or_default());
    }

    fn tell_disconnect(&self, subject: &str, client: ClientInfo, traffic: Traffic, reason: &str, at: SystemTime) {
        self.tell(subject, &self.disconnect(client, traffic, reason, at));
    }

    fn disconnect(&self, client: ClientInfo, traffic: Traffic, reason: &str, at: SystemTime) -> DisconnectEvent {
        DisconnectEvent {
            head: head(DISCONNECT),
            server: self.services.stamp(),
            client: ClientInfo { stop: Timestamp(at).to_string(), ..client },
            sent: Amount { msgs: traffic.in_msgs, bytes: traffic.in_bytes },
            received: Amount { msgs: traffic.out_msgs, bytes: traffic.out_bytes },
            reason: reason.to_owned(),
        }
    }

    fn client(&self, sink: &Arc<ClientSink>, account: &str) -> ClientInfo {
        let (name, _) = sink.account_facts();
        let name_tag = if name.is_empty() { account.to_owned() } else { name };
        ClientInfo { name_tag, ..sink.client_info(account, true) }
    }

    /// Tells how many connections each account has that has some.
    pub(super) fn tell_all_connections(&self) {
        let accounts = self.services.reporter.services().accounts.all();
        accounts.iter().filter(|account| account.num_connections() > 0).for_each(|account| {
            self.tell_connections(account.name());
        });
    }

    /// Tells how many connections an account has. The one that everybody shares is left out, as by nats-server.
    fn tell_connections(&self, account: &str) {
        if account == GLOBAL_ACCOUNT {
            return;
        }
        let subjects = [format!("$SYS.SERVER.ACCOUNT.{account}.CONNS"), format!("$SYS.ACCOUNT.{account}.SERVER.CONNS")];
        if !subjects.iter().any(|subject| self.is_heard(subject)) {
            return;
        }
        let Some(account) = self.services.reporter.services().accounts.get(account) else { return };
        let mut event = self.services.account_connections(&account);
        self.tell(&subjects[0], &event);
        event.server = self.services.stamp();
        self.tell(&subjects[1], &event);
    }

    /// Tells the numbers of the server.
    pub(super) fn tell_statsz(&self) {
        let subject = format!("$SYS.SERVER.{}.STATSZ", self.services.reporter.server_id());
        if self.is_heard(&subject) {
            self.tell(&subject, &self.services.statsz());
        }
    }
}

impl SystemServices {
    /// The numbers of an account.
    pub(super) fn account_connections(&self, account: &AccountView) -> AccountConnections {
        let stat = self.reporter.account_stat_of(account);
        AccountConnections { head: head(CONNECTIONS), server: self.stamp(), stat }
    }

    /// The numbers of the server.
    pub(super) fn statsz(&self) -> StatszEvent {
        let reporter = &self.reporter;
        let varz = reporter.varz();
        let totals = reporter.totals();
        let amount = |msgs, bytes| Amount { msgs, bytes };
        let accounts = reporter.services().accounts.all();
        let jetstream = reporter.sources().jetstream.get();
        let has_streams = |account: &AccountView| jetstream.is_some_and(|source| source.has_streams(account.name()));
        let is_active = |account: &&Arc<AccountView>| account.num_connections() > 0 || has_streams(account);
        let statsz = ServerStats {
            start: varz.start,
            mem: totals.memory,
            cores: varz.cores,
            cpu: totals.cpu,
            connections: totals.connections,
            total_connections: totals.total_connections,
            active_accounts: accounts.iter().filter(is_active).count() as u64,
            subscriptions: totals.subscriptions,
            sent: amount(totals.all.out_msgs, totals.all.out_bytes),
            sent_to_clients: amount(totals.clients.out_msgs, totals.clients.out_bytes),
            received: amount(totals.all.in_msgs, totals.all.in_bytes),
            received_from_clients: amount(totals.clients.in_msgs, totals.clients.in_bytes),
            slow_consumers: totals.slow_consumers,
            slow_consumer_stats: (totals.slow_consumers > 0).then(|| by_kind(&varz.slow_consumer_stats)),
            stale_connections: totals.stale_connections,
            stale_connection_stats: (totals.stale_connections > 0).then(|| by_kind(&varz.stale_connection_stats)),
            stalled_clients: totals.stalled_clients,
            routes: self.routes(),
            active_servers: 1 + totals.routes.remotes,
            jetstream: jetstream.map(|source| source.statsz()),
            gomaxprocs: varz.gomaxprocs,
        };
        StatszEvent { server: self.stamp(), statsz }
    }

    /// The numbers of the connections to other servers.
    fn routes(&self) -> Vec<RouteStat> {
        let routes = self.reporter.routez(&RoutezOptions::default()).routes.into_iter();
        let stat = |route: RouteInfo| RouteStat {
            rid: route.rid,
            name: route.remote_name,
            sent: Amount { msgs: route.out_msgs, bytes: route.out_bytes },
            received: Amount { msgs: route.in_msgs, bytes: route.in_bytes },
            pending: route.pending_size,
        };
        routes.map(stat).collect()
    }
}

fn by_kind(counts: &KindCounts) -> KindStats {
    let KindCounts { clients, routes, gateways, leafs } = *counts;
    KindStats { clients, routes, gateways, leafs }
}

fn certificate_info(certificate: &PeerCertificate) -> CertificateInfo {
    CertificateInfo {
        subject: certificate.subject(),
        issuer: certificate.issuer(),
        fingerprint: certificate.fingerprint(),
        raw: STANDARD.encode(certificate.der()),
    }
}

fn head(kind: &'static str) -> EventHead {
    EventHead { kind, id: nuid(), timestamp: Timestamp(SystemTime::now()) }
}
