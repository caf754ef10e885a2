//! What other servers tell of themselves: that they are there, and how many connections an account has on them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use troupe_codecs::report::{Layout, render};
use troupe_codecs::system::event::RemoteMeasurement;
use troupe_codecs::system::news::{ConnectionsRequest, ServerNews};

use super::SystemServices;
use super::actor::System;
use super::answers::token;
use super::requests::{News, news_subject};
use crate::router::halves::Half;
use crate::router::{InboxMessage, ServerMessage};

/// Time between two looks at servers that have fallen silent.
pub(super) const SILENCE_TICK: Duration = Duration::from_secs(90);
/// Place of a server's id in the subject of its events.
const ID_PLACE: usize = 2;

impl System {
    /// Hears an event of another server.
    pub(super) fn hear(&self, kind: News, message: &InboxMessage) {
        let services = &self.services;
        if kind == News::Latency {
            return self.take_measurement(message);
        }
        if kind == News::Shutdown {
            return services.forget_server(&token(message, ID_PLACE));
        }
        let Ok(news) = serde_json::from_slice::<ServerNews>(message.payload()) else {
            return tracing::debug!("Received bad server info for remote server update");
        };
        let id = &news.server.id;
        if id.is_empty() || *id == services.reporter.server_id() {
            return;
        }
        let is_new = services.remote.lock().hear(id, Instant::now());
        if kind == News::Connections {
            services.count_remote(&news);
        }
        if is_new {
            self.greet();
        }
    }

    /// Another server has measured a service that was asked here.
    fn take_measurement(&self, message: &InboxMessage) {
        let remote: RemoteMeasurement = match serde_json::from_slice(message.payload()) {
            Ok(remote) => remote,
            Err(cause) => return tracing::error!("Error unmarshalling remote latency measurement: {cause}"),
        };
        let Some(account) = self.services.reporter.services().accounts.get(&remote.account) else {
            return tracing::warn!("Could not lookup account {:?} for latency measurement", remote.account);
        };
        let (exchange, reply) = (account.exchange(), remote.req_id.as_bytes());
        // It may be here before the reply itself, and is for nobody where there is no request. The reply ends that, and leaves its half
        // before.
        if !exchange.replies().is_measured(reply) && !exchange.halves().has(reply) {
            return;
        }
        let half = Half::Theirs(Box::new(remote.m2));
        if let Some((subject, metric)) = exchange.halves().meet(reply, half, Instant::now()) {
            self.publish(&account, subject.as_bytes(), &metric);
        }
    }

    /// A server was not known: it is told of this one, and asked for what accounts with limits have there.
    fn greet(&self) {
        self.tell_statsz();
        let services = &self.services;
        let own = news_subject(&services.reporter.server_id());
        for account in services.reporter.services().accounts.all() {
            if account.limits().max_connections.is_none() {
                continue;
            }
            let subject = format!("$SYS.REQ.ACCOUNT.{}.CONNS", account.name());
            let request = ConnectionsRequest { server: services.stamp(), acc: account.name() };
            let body = render(&request, Layout::Compact).unwrap_or_default();
            let message = ServerMessage { reply: own.as_bytes(), ..ServerMessage::plain(subject.as_bytes(), &body) };
            self.local.server_batch(&services.account).publish(&message);
        }
    }
}

impl SystemServices {
    /// Takes over the number of connections an account has on another server, and closes those here that are too many now.
    fn count_remote(&self, news: &ServerNews) {
        let clients = self.reporter.services();
        // An account that nobody has heard of here is not made for it.
        let Some(account) = clients.accounts.get(&news.acc) else { return };
        let mut remote = self.remote.lock();
        remote.count(&news.server.id, account.name(), u64::try_from(news.conns).unwrap_or(0));
        account.set_elsewhere(remote.total(account.name()));
        drop(remote);
        clients.close_excess_of(&account);
    }

    /// A server is gone, and its connections with it.
    fn forget_server(&self, id: &str) {
        let mut remote = self.remote.lock();
        let accounts: Vec<Arc<str>> = remote.forget(id);
        for name in accounts {
            if let Some(account) = self.reporter.services().accounts.get(&name) {
                account.set_elsewhere(remote.total(&name));
            }
        }
    }

    /// Forgets servers that have said nothing for too long.
    pub(super) fn forget_silent(&self) {
        let silent = self.remote.lock().silent(Instant::now());
        for id in silent {
            tracing::debug!("Detected orphan remote server: {id:?}");
            self.forget_server(&id);
        }
    }
}
