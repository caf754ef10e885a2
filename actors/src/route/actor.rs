//! The manager of routes: which servers are connected to.

use std::sync::Arc;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture};
use troupe_codecs::peer::RouteInfo;
use troupe_engine::options::RouteUrl;

use super::dial::dial;
use super::events::RouteEvent;
use super::info::joined;
use super::messages::PeerCommand;
use super::spread::Reloaded;
use super::{RouteServices, Target};
use crate::connection::CloseReason;
use crate::queue::{Batch, QueueConsumer};
use crate::supervisor::{ChildContext, SupervisedActor};

/// Dials configured servers and those others tell of. An instance that replaces another one dials all configured servers anew: what is
/// connected already closes the second connection.
pub struct Routes {
    context: ChildContext,
    services: Arc<RouteServices>,
    consumer: Option<QueueConsumer<RouteEvent>>,
    /// Configured servers that are dialled.
    routes: Vec<RouteUrl>,
    pinned: Vec<String>,
}

impl Routes {
    /// An instance that serves `services`.
    #[must_use]
    pub fn new(context: ChildContext, services: Arc<RouteServices>) -> Self {
        let consumer = Some(services.events.consume());
        Self { context, services, consumer, routes: Vec::new(), pinned: Vec::new() }
    }

    fn dial(&self, target: Target, is_reconnect: bool, ctx: &mut Context<Self>) {
        if !self.services.is_closing() {
            let pursuit = self.services.pursue(&target);
            ctx.spawn(dial(Arc::clone(&self.services), target, pursuit, is_reconnect).into_actor(self));
        }
    }

    /// Dials configured servers that are new, for the pool and for each pinned account, and drops those that are no longer configured.
    fn follow_options(&mut self, ctx: &mut Context<Self>) {
        let options = self.services.options();
        let routes = options.cluster.routes.clone();
        let pinned = self.services.with_registry(|registry| registry.table.pinned().to_vec());
        let gone: Vec<_> = self.routes.iter().filter(|url| !routes.contains(url)).cloned().collect();
        if !gone.is_empty() {
            let is_gone = |url: &RouteUrl| gone.iter().any(|gone| gone.is_same_place(url));
            self.services.close_where(CloseReason::RouteRemoved, |member| member.is_explicit && is_gone(&member.url));
            gone.iter().for_each(|url| tracing::info!("Removed route {url}"));
        }
        for url in &routes {
            let is_new = !self.routes.contains(url);
            let target = |account: Option<&String>| Target {
                url: url.clone(),
                is_explicit: true,
                gossip_mode: 0,
                account: account.cloned(),
                failures: 0,
            };
            if is_new {
                self.dial(target(None), false, ctx);
            }
            for account in pinned.iter().filter(|account| is_new || !self.pinned.contains(account)) {
                self.dial(target(Some(account)), false, ctx);
            }
        }
        (self.routes, self.pinned) = (routes, pinned);
    }

    /// A server told of another one: it is dialled unless it is known, or dialled already.
    fn follow_gossip(&self, info: &RouteInfo, has_no_pool: bool, ctx: &mut Context<Self>) {
        let account = Some(info.route_account.as_str()).filter(|account| !account.is_empty());
        let options = self.services.options();
        if info.server_id == self.services.parts.id || account.is_some() && options.cluster.pool_size <= 0 {
            return;
        }
        let is_known = self.services.with_registry(|registry| registry.table.knows(&info.server_id, account));
        if is_known || is_configured(&options.cluster.routes, info) {
            return;
        }
        let Some(mut url) = RouteUrl::parse(&info.ip) else {
            return tracing::error!("Error parsing URL from INFO: {:?}", info.ip);
        };
        if info.auth_required {
            url.user.clone_from(&options.cluster.username);
            url.password.clone_from(&options.cluster.password);
        }
        let mut accounts = vec![account.map(str::to_owned)];
        if has_no_pool && account.is_none() {
            // Nobody will tell of their connections.
            accounts.extend(self.pinned.iter().cloned().map(Some));
        }
        for account in accounts {
            let (url, gossip_mode) = (url.clone(), info.gossip_mode);
            let target = Target { url, is_explicit: false, gossip_mode, account, failures: 0 };
            match self.services.pursuit_of(&target) {
                // Each of many that tell of it would have it dialled once more, and again and again should that fail.
                Some(pursuit) => pursuit.hurry(),
                None => self.dial(target, false, ctx),
            }
        }
    }

    /// Follows other options, once the other servers are ready for accounts that move.
    fn reload(&self, reloaded: Arc<Reloaded>, ctx: &mut Context<Self>) {
        self.services.tell_all(&PeerCommand::Reload);
        let moving = reloaded.moving.clone();
        let confirmed = async move {
            if let Some(moving) = moving {
                moving.wait().await;
            }
        };
        ctx.spawn(confirmed.into_actor(self).map(move |(), actor, ctx| {
            actor.services.close_where(CloseReason::RouteRemoved, |member| reloaded.closed.contains(&member.rid));
            actor.follow_options(ctx);
            actor.services.advertise();
        }));
    }
}

/// Whether the server behind `info` is one of the configured ones.
fn is_configured(routes: &[RouteUrl], info: &RouteInfo) -> bool {
    let told = joined(&info.host, info.port).to_lowercase();
    let reached = RouteUrl::parse(&info.ip).map(|url| joined(&url.host, info.port).to_lowercase());
    routes.iter().map(|url| url.address().to_lowercase()).any(|own| own == told || Some(own) == reached)
}

impl Actor for Routes {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(consumer) = self.consumer.take() {
            ctx.add_stream(consumer);
        }
        self.follow_options(ctx);
    }
}

impl SupervisedActor for Routes {}

impl StreamHandler<Batch<RouteEvent>> for Routes {
    fn handle(&mut self, batch: Batch<RouteEvent>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        for event in batch.iter() {
            self.context.checkpoint("event");
            match event.clone() {
                RouteEvent::Dial { target, is_reconnect } => self.dial(target, is_reconnect, ctx),
                RouteEvent::Gossip { info, has_no_pool } => self.follow_gossip(&info, has_no_pool, ctx),
                RouteEvent::Reload(reloaded) => self.reload(reloaded, ctx),
            }
        }
        if self.services.events.commit(batch).is_err() {
            ctx.stop();
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
