//! `SUB` and `UNSUB`.

use std::sync::Arc;

use bytes::Bytes;
use tracing::error;
use troupe_codecs::client::{SubscribeOp, UnsubscribeOp};
use troupe_codecs::quote::quote;
use troupe_codecs::subject::{is_literal, is_subscribable, num_tokens};
use troupe_engine::auth::subscription_violation;
use troupe_engine::index::snapshot::MAX_PATTERN_TOKENS;

use super::{ClientActor, trace};
use crate::router::subscription::SubscriptionParts;
use crate::router::{ChangeSet, Publisher, Subscription};

/// Queue group of the server's own subscriptions.
const SYSTEM_QUEUE: &[u8] = b"_sys_";

impl ClientActor {
    /// Checks a subscription in nats-server's order, notes it and queues it for the Router.
    pub(super) fn subscribe(&mut self, op: &SubscribeOp, bytes: &Bytes, publisher: &mut Publisher) {
        let (subject, queue, sid) = (op.subject.of(bytes), op.queue.of(bytes), op.sid.of(bytes));
        let queue_opt = (!queue.is_empty()).then_some(queue);
        if self.is_refused(subject, queue_opt, sid, publisher) {
            return;
        }
        if self.subscriptions.get(sid).is_none() {
            if !is_subscribable(subject) {
                return self.reply_error("Invalid Subject", publisher);
            }
            self.add_subscription(SubscriptionParts { subject, queue, sid, is_filtered: false });
        }
        if self.modes.verbose {
            self.reply_ok(publisher);
        }
    }

    /// Whether the subscription may not be made; the client has been told then.
    fn is_refused(&mut self, subject: &[u8], queue: Option<&[u8]>, sid: &[u8], publisher: &mut Publisher) -> bool {
        let label = self.sink.label();
        let sid = || String::from_utf8_lossy(sid);
        let is_allowed = queue != Some(SYSTEM_QUEUE)
            && self.permissions.as_ref().is_none_or(|permissions| permissions.can_subscribe(subject, queue));
        if !is_allowed {
            let group = queue.map(|queue| format!(", Queue: {}", quote(queue))).unwrap_or_default();
            self.reply_error(&subscription_violation(subject, queue), publisher);
            error!(conn = %label, "Subscription Violation - Subject {}{group}, SID {}", quote(subject), sid());
            return true;
        }
        let max_tokens = usize::from(self.services.options().limits.max_sub_tokens);
        let is_too_deep = max_tokens > 0 && num_tokens(subject) > max_tokens
            || !is_literal(subject) && num_tokens(subject) > MAX_PATTERN_TOKENS;
        if is_too_deep {
            let text = format!("Permissions Violation for Subscription to {}, too many tokens", quote(subject));
            self.reply_error(&text, publisher);
            error!(conn = %label, "Subscription Violation Too Many Tokens - Subject {}, SID {}", quote(subject), sid());
            return true;
        }
        if self.max_subscriptions > 0 && self.subscriptions.len_near(self.max_subscriptions) >= self.max_subscriptions {
            error!(conn = %label, "maximum subscriptions exceeded");
            self.reply_error("maximum subscriptions exceeded", publisher);
            return true;
        }
        false
    }

    fn add_subscription(&mut self, parts: SubscriptionParts<'_>) {
        let Some(account) = &self.account else { return };
        let filter = self.permissions.as_ref().and_then(|permissions| permissions.delivery_filter(parts.subject));
        let is_filtered = filter.is_some();
        if let Some(filter) = filter {
            self.sink.set_filter(Some(Arc::clone(filter)));
        }
        let parts = SubscriptionParts { is_filtered, ..parts };
        let subscription = Arc::new(Subscription::new(Arc::clone(&self.sink), parts));
        account.count_subscriptions(1);
        self.sink.count_subscriptions(1);
        let account = Arc::clone(account);
        let changes = self.changes.get_or_insert_with(|| Box::new(ChangeSet::new(account)));
        changes.added.push(Arc::clone(&subscription));
        self.subscriptions.insert(subscription);
    }

    /// Ends a subscription now, or after a number of messages counted from its start.
    pub(super) fn unsubscribe(&mut self, op: &UnsubscribeOp, bytes: &Bytes, publisher: &mut Publisher) {
        let sid = op.sid.of(bytes);
        if self.modes.verbose {
            self.reply_ok(publisher);
        }
        if let Some(subscription) = self.subscriptions.get(sid) {
            let subscription = Arc::clone(subscription);
            publisher.count();
            let is_over = match op.max {
                Some(max) => subscription.limit(max),
                None => subscription.close(),
            };
            if is_over {
                self.remove_subscription(&subscription);
            }
        }
    }

    /// Takes a closed subscription out of the table and the index.
    pub(super) fn remove_subscription(&mut self, subscription: &Arc<Subscription>) {
        trace::removed(&self.sink, subscription.sid());
        self.subscriptions.remove(subscription.sid());
        let Some(account) = &self.account else { return };
        account.remove_subscriptions(1);
        self.sink.remove_subscriptions(1);
        let account = Arc::clone(account);
        let changes = self.changes.get_or_insert_with(|| Box::new(ChangeSet::new(account)));
        changes.removed.push(Arc::clone(subscription));
    }
}
