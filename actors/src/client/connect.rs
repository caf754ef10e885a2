//! `CONNECT`: who enters, with what rights.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tracing::{debug, error};
use troupe_codecs::client::ConnectOptions;
use troupe_engine::auth::{
    ConnectionPermissions, Grant, Identity, Reconsidered, Refusal, RefusalReason, ResponseTracker,
    subscription_violation,
};
use troupe_engine::index::SubscriptionFacts;
use troupe_engine::options::{GLOBAL_ACCOUNT, Secret};

use super::ClientActor;
use super::actor::{Modes, auth_timeout};
use super::callout::Told;
use super::events::ClientEvent;
use super::inbound::Flow;
use super::login::Wait;
use super::trace;
use super::usage::Budgets;
use crate::auth::Answer;
use crate::connection::reader::while_open;
use crate::connection::{CloseReason, ClosedConnection, Profile, ReadLimits};
use crate::router::{AccountView, ChangeSet, Publisher, Subscription};

/// A limit as a size.
fn clamped(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Who vouches for a connection that proved itself by a key.
fn issuer_key(grant: &Grant) -> Option<Box<str>> {
    match (&grant.token, &grant.identity) {
        (Some(token), _) => Some(token.issuer_key.as_str().into()),
        (None, Identity::Nkey(_)) => Some((*grant.account).into()),
        (None, _) => None,
    }
}

impl ClientActor {
    /// Handles `CONNECT`, the first or a later one.
    pub(super) fn connect(&mut self, json: &[u8], publisher: &mut Publisher) -> Flow {
        let options = match ConnectOptions::parse(json, self.connect_options.as_deref()) {
            Ok(options) => options,
            Err(cause) => {
                error!(conn = %self.sink.label(), "{cause}");
                return self.stop(CloseReason::ProtocolViolation, publisher);
            }
        };
        publisher.flush_reply(&self.sink);
        self.note_connect(&options);
        self.connect_options = Some(Box::new(options));
        self.tell_profile();
        self.status.active(Instant::now());
        self.keepalive.set_initial_rtt(self.accepted.elapsed());
        self.note_rtt();
        if self.presented.certificate.is_some() && tracing::enabled!(tracing::Level::DEBUG) {
            let lines = self.services.authenticator().current().explain_certificate(&self.presented);
            lines.iter().for_each(|line| debug!(conn = %self.sink.label(), "{line}"));
        }
        let outcome = match self.services.authenticator().try_authenticate(&self.presented) {
            Answer::Pending(login) => return Flow::AfterLogin(Box::new(Wait::Password(login))),
            Answer::Delegated(delegation) => return Flow::AfterLogin(Box::new(Wait::Service(delegation))),
            Answer::Unknown(missing) => return Flow::AfterLogin(Box::new(Wait::Account(missing))),
            Answer::Ready(outcome) => outcome,
        };
        self.finish_connect(outcome, None);
        if self.sink.close_reason().is_some() {
            return Flow::Stop;
        }
        publisher.begin(self.account.as_deref());
        Flow::Continue
    }

    /// Takes over what CONNECT said.
    fn note_connect(&mut self, options: &ConnectOptions) {
        let takes_headers = !self.services.options().no_header_support;
        self.modes = Modes::new(options, takes_headers);
        self.sink.set_takes_headers(self.modes.headers);
        let mut parts = Vec::new();
        if !options.version.is_empty() {
            parts.push(format!("v{}", options.version));
        }
        parts.extend([&options.lang, &options.name].into_iter().filter(|part| !part.is_empty()).cloned());
        self.client_label = (!parts.is_empty()).then(|| parts.join(":").into_boxed_str());
        let present = |text: &String| (!text.is_empty()).then(|| text.clone());
        let presented = &mut *self.presented;
        presented.implicit = false;
        presented.now = SystemTime::now();
        presented.remote = self.sink.remote().ip();
        presented.user = present(&options.user);
        presented.password = present(&options.pass).map(Secret::new);
        presented.auth_token = present(&options.auth_token).map(Secret::new);
        presented.nkey = present(&options.nkey);
        presented.signature = present(&options.sig);
        presented.jwt = present(&options.jwt);
        presented.account = present(&options.account);
        presented.new_account = options.new_account;
        presented.proxy_signature = present(&options.proxy_sig);
    }

    /// Lets the connection in or closes it; `told` is what a service said against it.
    pub(super) fn finish_connect(&mut self, outcome: Result<Grant, Refusal>, told: Option<Told>) {
        let grant = match outcome {
            Ok(grant) => grant,
            Err(refusal) => return self.refuse_entry(&refusal, told),
        };
        if !self.bind(grant) {
            return;
        }
        self.owes_first_ping = !std::mem::replace(&mut self.has_connected, true);
        if !(0..=1).contains(&self.modes.protocol) {
            self.fail("invalid client protocol", CloseReason::BadClientProtocolVersion);
            error!(conn = %self.sink.label(), "invalid client protocol");
        } else if self.modes.no_responders && !self.modes.headers {
            self.fail("no responders requires headers support", CloseReason::NoRespondersRequiresHeaders);
            error!(conn = %self.sink.label(), "no responders requires headers support");
        } else if self.modes.verbose {
            tracing::trace!(conn = %self.sink.label(), "->> [OK]");
            self.send(troupe_codecs::client::encoder::OK.to_vec());
        }
    }

    /// Lets a connection in that need not show anything.
    pub(super) fn enter_without_credentials(&mut self) {
        if let Answer::Ready(Ok(grant)) = self.services.authenticator().try_authenticate(&self.presented) {
            self.bind(grant);
        }
    }

    /// Judges a connection whose first operation is not CONNECT. False when it is closed.
    pub(super) fn enter_implicitly(&mut self, publisher: &mut Publisher) -> bool {
        self.presented.implicit = true;
        match self.services.authenticator().try_authenticate(&self.presented) {
            Answer::Ready(Ok(grant)) => {
                let is_bound = self.bind(grant);
                publisher.begin(self.account.as_deref());
                is_bound
            }
            Answer::Ready(Err(refusal)) => {
                self.refuse_entry(&refusal, None);
                false
            }
            // Only a password can lead here, and nothing was shown.
            Answer::Pending(_) | Answer::Delegated(_) | Answer::Unknown(_) => {
                self.fail("Authorization Violation", CloseReason::AuthenticationFailure);
                false
            }
        }
    }

    /// Closes a connection whose first operation is not CONNECT and that nobody would let in.
    pub(super) fn refuse_implicit(&self) {
        error!(conn = %self.sink.label(), "authentication error");
        self.tell_refused(CloseReason::AuthenticationFailure, None);
        self.fail("Authorization Violation", CloseReason::AuthenticationFailure);
    }

    fn refuse_entry(&self, refusal: &Refusal, told: Option<Told>) {
        if tracing::enabled!(tracing::Level::DEBUG)
            && let Some(why) = self.services.authenticator().current().explain_token(&self.presented)
        {
            debug!(conn = %self.sink.label(), "{why}");
        }
        error!(conn = %self.sink.label(), "{refusal}");
        let reason = match refusal.reason {
            RefusalReason::AuthenticationFailure | RefusalReason::Revoked | RefusalReason::AccountExpired => {
                CloseReason::AuthenticationFailure
            }
            RefusalReason::ProxyNotTrusted => CloseReason::ProxyNotTrusted,
            RefusalReason::ProxyRequired => CloseReason::ProxyRequired,
        };
        if let Some(told) = &told {
            told.log();
        }
        let by_configuration = || Told { account: GLOBAL_ACCOUNT.into(), why: reason.text().to_owned() };
        self.tell_refused(reason, Some(told.unwrap_or_else(by_configuration)));
        self.fail("Authorization Violation", reason);
    }

    /// Binds the connection to the account of `grant`. False when the account is full: the connection is closing then.
    fn bind(&mut self, grant: Grant) -> bool {
        let Some(account) = self.services.accounts.get(&grant.account) else {
            error!(conn = %self.sink.label(), "account {:?} does not exist", grant.account);
            self.fail("Authorization Violation", CloseReason::MissingAccount);
            return false;
        };
        let mut is_new = false;
        if self.account.as_ref().is_some_and(|bound| Arc::ptr_eq(bound, &account)) {
            self.drop_subscriptions();
        } else {
            is_new = true;
            self.change_account();
            if !account.enter() {
                error!(conn = %self.sink.label(), "maximum account active connections exceeded");
                let reason = CloseReason::MaxAccountConnectionsExceeded;
                self.fail("maximum account active connections exceeded", reason);
                return false;
            }
        }
        self.owes_expiry = grant.expires;
        if !self.take_seat(&account, &grant) {
            return false;
        }
        self.apply_limits(&account, &grant);
        self.account = Some(account);
        self.apply_permissions(&grant);
        self.grant = Some(Box::new(grant));
        self.label_connection();
        self.tell_profile();
        if let Some(account) = self.account.as_ref().filter(|_| is_new) {
            let (sink, account) = (Arc::clone(&self.sink), Arc::clone(account.name()));
            self.services.events.tell(|| ClientEvent::Connected { sink, account });
        }
        true
    }

    /// Takes a place among the connections of the user. False when there is none: the connection is closing then.
    fn take_seat(&mut self, account: &Arc<AccountView>, grant: &Grant) -> bool {
        self.seat = None;
        match self.services.users.enter(grant) {
            Ok(seat) => self.seat = seat,
            Err(cause) => {
                account.leave();
                self.account = None;
                error!(conn = %self.sink.label(), "{cause}");
                self.fail(&cause.to_string(), CloseReason::MaxUserConnectionsExceeded);
                return false;
            }
        }
        true
    }

    /// Tells that the connection is gone, where it was in an account.
    pub(super) fn tell_gone(&self, closed: &ClosedConnection) {
        let Some(account) = &self.account else { return };
        self.services.events.tell(|| ClientEvent::Disconnected {
            sink: Arc::clone(&self.sink),
            account: Arc::clone(account.name()),
            traffic: closed.traffic,
            reason: closed.reason.text(),
            at: closed.stop,
        });
    }

    /// Tells that the connection was not let in.
    pub(super) fn tell_refused(&self, reason: CloseReason, told: Option<Told>) {
        self.services.events.tell(|| ClientEvent::Refused {
            told: told.map(|told| (told.account, told.why)),
            sink: Arc::clone(&self.sink),
            user: self.presented.claimed_identity().reported().unwrap_or_default().to_owned(),
            traffic: self.sink.traffic().read(),
            reason: reason.text(),
            at: SystemTime::now(),
        });
    }

    /// Tells the monitor who the connection is, as far as that is known.
    fn tell_profile(&self) {
        let before = self.status.profile();
        let account = self.account.as_ref().map(|account| Arc::clone(account.name()));
        let is_same = before.as_ref().is_some_and(|before| before.account == account);
        let traffic_before = match before {
            Some(before) if is_same => before.traffic_before,
            _ => self.sink.traffic().read(),
        };
        let said = self.connect_options.as_deref();
        let text = |part: fn(&ConnectOptions) -> &str| said.map_or("", part).into();
        let claimed = self.presented.claimed_identity();
        let grant = self.grant.as_deref();
        self.status.set_profile(Profile {
            name: text(|options| &options.name),
            lang: text(|options| &options.lang),
            version: text(|options| &options.version),
            user: grant.and_then(Grant::user).or(claimed.reported()).map(Into::into),
            account,
            proxy_key: grant.and_then(|grant| grant.proxy_key.clone()),
            token: grant.and_then(|grant| grant.token.clone()),
            issuer_key: grant.and_then(issuer_key),
            expires: grant.and_then(|grant| grant.expires),
            traffic_before,
        });
    }

    /// Takes the tighter of the server's and the account's limits.
    fn apply_limits(&mut self, account: &AccountView, grant: &Grant) {
        self.budgets = Budgets::of(self.seat.as_ref(), account);
        let (server, own) = (self.services.options(), account.limits());
        self.read_limits.set(ReadLimits {
            max_control_line: server.limits.max_control_line,
            max_payload: server
                .limits
                .max_payload
                .min(own.max_payload.unwrap_or(usize::MAX))
                .min(grant.limits.max_payload.map_or(usize::MAX, clamped)),
            ..self.read_limits.get()
        });
        let own_subscriptions = [own.max_subscriptions, grant.limits.max_subscriptions].into_iter().flatten().min();
        let own_subscriptions = own_subscriptions.map(clamped);
        self.max_subscriptions = match (server.limits.max_subscriptions, own_subscriptions) {
            (0, own) => own.unwrap_or(0),
            (server, own) => server.min(own.unwrap_or(usize::MAX)),
        };
    }

    fn apply_permissions(&mut self, grant: &Grant) {
        let compiled = grant.permissions.as_ref();
        self.permissions = compiled.map(|compiled| Box::new(ConnectionPermissions::new(Arc::clone(compiled))));
        self.sink.set_rights(compiled.cloned());
        self.sink.set_responses(compiled.and_then(ResponseTracker::of));
        self.refilter_subscriptions();
    }

    /// Decides anew which subscriptions are broader than a denied subject.
    fn refilter_subscriptions(&self) {
        let permissions = self.permissions.as_deref();
        let filter_of =
            |subscription: &Subscription| permissions.and_then(|own| own.delivery_filter(subscription.subject()));
        let filter = self.subscriptions.iter().find_map(|subscription| filter_of(subscription));
        self.sink.set_filter(filter.cloned());
        for subscription in self.subscriptions.iter() {
            subscription.set_filtered(filter_of(subscription).is_some());
        }
    }

    /// The first name of a connection stays its name.
    fn label_connection(&self) {
        if self.sink.has_identity() {
            return;
        }
        let user = self.account.as_ref().zip(self.grant.as_ref());
        let user = user.and_then(|(account, grant)| grant.identity.label(account.name()));
        let parts = [self.client_label.as_deref(), user.as_deref()];
        let quoted: Vec<String> = parts.into_iter().flatten().map(|part| format!("\"{part}\"")).collect();
        if !quoted.is_empty() {
            self.sink.set_identity(quoted.join(" - "));
        }
    }

    /// Leaves the account, and all subscriptions with it.
    pub(super) fn unbind(&mut self) {
        self.drop_subscriptions();
        if let Some(account) = self.account.take() {
            account.leave();
        }
    }

    /// Leaves the account for another one: what was moved so far stays counted to the old one.
    fn change_account(&mut self) {
        if self.account.is_some() {
            self.unbind();
            self.services.registry.leave_account(self.sink.cid(), || self.tell_profile());
        }
    }

    /// Ends all subscriptions at once.
    fn drop_subscriptions(&mut self) {
        let Some(account) = self.account.clone() else { return };
        let mut removed = self.subscriptions.drain();
        removed.retain(|subscription| subscription.close());
        if tracing::enabled!(tracing::Level::TRACE) {
            removed.iter().for_each(|subscription| trace::removed(&self.sink, subscription.sid()));
        }
        account.remove_subscriptions(removed.len() as u64);
        self.sink.remove_subscriptions(removed.len() as u32);
        let mut changes = self.changes.take().map_or_else(|| ChangeSet::new(account), |changes| *changes);
        changes.removed.append(&mut removed);
        if !changes.is_empty() && !self.services.router.send(changes) {
            error!(conn = %self.sink.label(), "the router takes no more changes");
        }
    }

    /// Judges the connection by reloaded options.
    pub(super) fn reload(&mut self, ctx: &mut Context<Self>) {
        let options = self.services.options();
        self.keepalive.set_timing(&options.timing);
        let Some(account) = self.account.clone() else { return };
        self.presented.now = SystemTime::now();
        let Some(grant) = self.grant.clone() else { return };
        self.apply_limits(&account, &grant);
        if self.max_subscriptions > 0 && self.sink.num_subscriptions() as usize > self.max_subscriptions {
            error!(conn = %self.sink.label(), "maximum subscriptions exceeded");
            return self.fail("maximum subscriptions exceeded", CloseReason::MaxSubscriptionsExceeded);
        }
        if grant.is_delegated && self.services.keeps_delegated() {
            return;
        }
        let (authenticator, presented) = (self.services.authenticator().clone(), self.presented.clone());
        let (sink, asker, patience) = (Arc::clone(&self.sink), self.asker(), auth_timeout(&options));
        let deciding = async move {
            let reconsidering = async {
                match authenticator.reconsider(&presented, &grant).await {
                    Reconsidered::Ask(delegation) => {
                        let verdict = asker.ask(*delegation, &presented, patience).await;
                        let outcome = verdict.outcome.map(|current| Reconsidered::compare(&grant, current));
                        (outcome.unwrap_or_else(Reconsidered::Refused), verdict.told)
                    }
                    decided => (decided, None),
                }
            };
            while_open(reconsidering, &*sink).await
        };
        ctx.wait(deciding.into_actor(self).map(|outcome, actor, ctx| {
            if let Some((outcome, told)) = outcome {
                let before = actor.grant.as_ref().and_then(|grant| grant.expires);
                actor.take_reconsidered(outcome, told);
                actor.owes_expiry =
                    actor.grant.as_ref().and_then(|grant| grant.expires).filter(|end| Some(*end) != before);
                actor.schedule_expiry(ctx);
            }
        }));
    }

    fn take_reconsidered(&mut self, outcome: Reconsidered, told: Option<Told>) {
        match outcome {
            Reconsidered::Unchanged(grant) => {
                self.renew_limits(&grant);
                self.grant = Some(Box::new(grant));
            }
            Reconsidered::PermissionsChanged(grant) => {
                self.renew_limits(&grant);
                self.apply_permissions(&grant);
                self.grant = Some(Box::new(grant));
                self.drop_forbidden_subscriptions();
            }
            Reconsidered::AccountChanged(_) => self.end(CloseReason::ClientClosed),
            Reconsidered::Refused(refusal) if refusal.reason == RefusalReason::Revoked => {
                debug!(conn = %self.sink.label(), "User Authentication Revoked");
                self.fail("User Authentication Revoked", CloseReason::CredentialsRevoked);
            }
            Reconsidered::Refused(refusal) if refusal.reason == RefusalReason::AccountExpired => {
                debug!(conn = %self.sink.label(), "Account Authentication Expired");
                self.fail("Account Authentication Expired", CloseReason::AuthenticationExpired);
            }
            Reconsidered::Refused(refusal) => self.refuse_entry(&refusal, told),
            Reconsidered::CheckPassword(_) | Reconsidered::Ask(_) => {
                self.fail("Authorization Violation", CloseReason::AuthenticationFailure);
            }
        }
    }

    /// Puts the limits of a reloaded user in force. Connections that are there stay.
    fn renew_limits(&mut self, grant: &Grant) {
        let Some(account) = self.account.clone() else { return };
        self.seat = None;
        self.seat = self.services.users.keep(grant);
        self.apply_limits(&account, grant);
    }

    /// Ends subscriptions the connection may no longer have, each with an error.
    fn drop_forbidden_subscriptions(&mut self) {
        let Some(permissions) = &self.permissions else { return };
        let is_forbidden = |subscription: &&Arc<Subscription>| {
            !permissions.can_subscribe(subscription.subject(), subscription.queue())
        };
        let forbidden: Vec<_> = self.subscriptions.iter().filter(is_forbidden).cloned().collect();
        for subscription in forbidden {
            let text = subscription_violation(subscription.subject(), subscription.queue());
            self.send_error(&format!("{text} (sid \"{}\")", String::from_utf8_lossy(subscription.sid())));
            if subscription.close() {
                self.remove_subscription(&subscription);
            }
        }
        self.send_changes();
    }
}
