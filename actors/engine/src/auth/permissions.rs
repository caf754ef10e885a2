//! What a connection may publish and subscribe to.

use std::sync::Arc;

use ahash::RandomState;
use troupe_codecs::subject;

use super::subjects::SubjectSet;
use crate::options::{Permissions, ResponsePermission, SubjectPermission};

/// Allowed and denied subjects of one direction. No set allows everything.
#[derive(Debug, Default)]
struct Rules {
    allow: Option<SubjectSet>,
    deny: Option<SubjectSet>,
}

impl Rules {
    fn compile(permission: Option<&SubjectPermission>, with_queues: bool) -> Self {
        let Some(permission) = permission else { return Self::default() };
        let set = |entries: &[String]| SubjectSet::new(entries.iter().map(String::as_str), with_queues);
        Self {
            allow: permission.allow.as_deref().map(set),
            deny: (!permission.deny.is_empty()).then(|| set(&permission.deny)),
        }
    }

    fn allows(&self, subject: &[u8]) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.contains(subject))
            && !self.deny.as_ref().is_some_and(|deny| deny.contains(subject))
    }
}

/// Drops messages on denied subjects that a wildcard subscription would receive. Shared with publishing threads.
#[derive(Debug)]
pub struct DeliveryFilter {
    deny: SubjectSet,
    patterns: Vec<Box<[u8]>>,
}

impl DeliveryFilter {
    fn compile(entries: &[String]) -> Option<Arc<Self>> {
        if entries.is_empty() {
            return None;
        }
        let subject_of =
            |entry: &String| entry.split_ascii_whitespace().next().map(|subject| subject.as_bytes().into());
        Some(Arc::new(Self {
            deny: SubjectSet::new(entries.iter().map(String::as_str), true),
            patterns: entries.iter().filter_map(subject_of).collect(),
        }))
    }

    /// Whether a message on `subject` must not reach a subscription of this connection in `queue`.
    ///
    /// An entry with a queue group denies only that group's subscriptions.
    #[must_use]
    pub fn denies(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let hits = self.deny.look_up(subject, queue);
        hits.plain || hits.queue
    }

    fn concerns(&self, subscription: &[u8]) -> bool {
        !subject::is_literal(subscription) && self.patterns.iter().any(|deny| subject::overlaps(deny, subscription))
    }
}

/// Permissions of a user in a form that is fast to ask, shared by all its connections and by other threads.
#[derive(Debug)]
pub struct CompiledPermissions {
    source: Permissions,
    publish: Rules,
    subscribe: Rules,
    filter: Option<Arc<DeliveryFilter>>,
}

impl CompiledPermissions {
    /// Compiles `source`. With reply rights and no publish allow list, only replies may be published.
    #[must_use]
    pub fn compile(source: &Permissions) -> Self {
        let mut publish = Rules::compile(source.publish.as_ref(), false);
        if source.responses.is_some() {
            publish.allow.get_or_insert_default();
        }
        Self {
            source: source.clone(),
            publish,
            subscribe: Rules::compile(source.subscribe.as_ref(), true),
            filter: source.subscribe.as_ref().and_then(|subscribe| DeliveryFilter::compile(&subscribe.deny)),
        }
    }

    /// What these were compiled from.
    #[must_use]
    pub fn source(&self) -> &Permissions {
        &self.source
    }

    /// Reply rights.
    #[must_use]
    pub fn responses(&self) -> Option<ResponsePermission> {
        self.source.responses
    }

    /// Whether any publish can be refused.
    #[must_use]
    pub fn restricts_publish(&self) -> bool {
        self.publish.allow.is_some() || self.publish.deny.is_some()
    }

    /// Whether a message may be published on `subject`, reply rights apart.
    ///
    /// A subject with an empty token is in no list: an allow list refuses it and a deny list lets it through.
    #[must_use]
    pub fn allows_publish(&self, subject: &[u8]) -> bool {
        self.publish.allows(subject)
    }

    /// Whether `subject` may be subscribed to, in queue group `queue` if given.
    ///
    /// An allow entry must take in all of `subject`. nats-server also takes `foo.*` for `foo.>`, which would hear `foo.a.b`.
    /// Once an allow entry with a queue group matches the subject, the group must match such an entry; other
    /// subscriptions need an entry without group. A deny entry without group denies every group.
    #[must_use]
    pub fn allows_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let allowed = self.subscribe.allow.as_ref().is_none_or(|allow| {
            let hits = allow.look_up_superset(subject, queue);
            if hits.any_queue { hits.queue } else { hits.plain }
        });
        allowed
            && !self.subscribe.deny.as_ref().is_some_and(|deny| {
                let hits = deny.look_up(subject, queue);
                hits.plain || hits.queue
            })
    }

    /// Filter that a subscription to `subject` needs: it has wildcards that take in part of a deny entry.
    #[must_use]
    pub fn delivery_filter(&self, subject: &[u8]) -> Option<&Arc<DeliveryFilter>> {
        self.filter.as_ref().filter(|filter| filter.concerns(subject))
    }
}

const CACHE_SLOTS: usize = 64;
const LONGEST_CACHED_SUBJECT: usize = 256;

#[derive(Clone, Debug, Default)]
struct CacheSlot {
    subject: Vec<u8>,
    allowed: bool,
}

/// Permissions of one connection: the shared part and a bounded memory of recent publish answers.
///
/// A connection without permissions has none of these and pays nothing.
#[derive(Debug)]
pub struct ConnectionPermissions {
    compiled: Arc<CompiledPermissions>,
    hasher: RandomState,
    slots: Vec<CacheSlot>,
}

impl ConnectionPermissions {
    /// Nothing remembered yet.
    #[must_use]
    pub fn new(compiled: Arc<CompiledPermissions>) -> Self {
        Self { compiled, hasher: RandomState::new(), slots: Vec::new() }
    }

    /// The shared part.
    #[must_use]
    pub fn compiled(&self) -> &Arc<CompiledPermissions> {
        &self.compiled
    }

    /// As [`CompiledPermissions::allows_publish`], with memory. Reply rights are asked for after a `false`.
    #[inline]
    pub fn can_publish(&mut self, subject: &[u8]) -> bool {
        if !self.compiled.restricts_publish() {
            return true;
        }
        if subject.is_empty() || subject.len() > LONGEST_CACHED_SUBJECT {
            return self.compiled.allows_publish(subject);
        }
        if self.slots.is_empty() {
            self.slots.resize_with(CACHE_SLOTS, CacheSlot::default);
        }
        let slot = &mut self.slots[self.hasher.hash_one(subject) as usize % CACHE_SLOTS];
        if slot.subject != subject {
            slot.allowed = self.compiled.allows_publish(subject);
            slot.subject.clear();
            slot.subject.extend_from_slice(subject);
        }
        slot.allowed
    }

    /// As [`CompiledPermissions::allows_subscribe`].
    #[must_use]
    pub fn can_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.compiled.allows_subscribe(subject, queue)
    }

    /// As [`CompiledPermissions::delivery_filter`].
    #[must_use]
    pub fn delivery_filter(&self, subject: &[u8]) -> Option<&Arc<DeliveryFilter>> {
        self.compiled.delivery_filter(subject)
    }
}

#[cfg(test)]
#[path = "permissions_test.rs"]
mod tests;
