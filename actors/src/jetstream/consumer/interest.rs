//! Whether somebody listens to a subject.

use std::sync::Arc;

use troupe_engine::index::{Index, Matches};

use crate::router::{AccountView, Subscription};

/// Answers from the account's index; the same question again is free.
#[derive(Debug)]
pub(super) struct Interest {
    account: Arc<AccountView>,
    generation: Option<u64>,
    index: Arc<Index<Arc<Subscription>>>,
    matches: Matches<Arc<Subscription>>,
    last: Vec<u8>,
    answer: bool,
}

impl Interest {
    pub(super) fn new(account: &Arc<AccountView>) -> Self {
        Self {
            account: Arc::clone(account),
            generation: None,
            index: account.snapshot(),
            matches: Matches::default(),
            last: Vec::new(),
            answer: false,
        }
    }

    /// Whose index it is.
    pub(super) fn account_name(&self) -> &str {
        self.account.name()
    }

    /// Takes the newest index; whether it is another one.
    fn refresh(&mut self) -> bool {
        // The generation is read first: the index is at least as new.
        let generation = self.account.generation();
        if self.generation == Some(generation) {
            return false;
        }
        self.index = self.account.snapshot();
        self.generation = Some(generation);
        true
    }

    /// Whether what is sent to a subject goes to another account.
    pub(super) fn leads_elsewhere(&self, subject: &[u8]) -> bool {
        self.account.has_requester(subject).is_some()
    }

    /// Whether a message would reach somebody.
    pub(super) fn has(&mut self, subject: &[u8]) -> bool {
        if let Some(has_requester) = self.account.has_requester(subject) {
            return has_requester;
        }
        if !self.refresh() && self.last == subject {
            return self.answer;
        }
        self.last.clear();
        self.last.extend_from_slice(subject);
        self.answer = self.look_up(subject, None);
        self.answer
    }

    /// Whether a message would reach somebody in a queue group, or anybody without a group.
    pub(super) fn has_group(&mut self, subject: &[u8], queue: &str) -> bool {
        self.refresh();
        self.look_up(subject, Some(queue).filter(|queue| !queue.is_empty()))
    }

    fn look_up(&mut self, subject: &[u8], queue: Option<&str>) -> bool {
        use troupe_engine::index::SubscriptionFacts;
        self.matches.clear();
        self.index.collect(subject, &mut self.matches);
        let is_open = |subscription: &Arc<Subscription>| !subscription.is_closed();
        let found = match queue {
            None => self.matches.plain.iter().chain(self.matches.groups.iter().flatten()).any(is_open),
            Some(queue) => {
                let of_group = |member: &Arc<Subscription>| member.queue() == Some(queue.as_bytes());
                self.matches.groups.iter().flatten().any(|member| of_group(member) && is_open(member))
            }
        };
        self.matches.clear();
        found
    }
}
