//! What this server's own subscribers are interested in, as other servers are told.

use std::collections::HashMap;

use super::SubscriptionFacts;

/// One subject or one queue group on a subject: both texts, divided by a blank, which neither can contain.
type Key = Box<[u8]>;

/// Subscribers per subject, and per queue group on a subject, of one account.
#[derive(Clone, Debug, Default)]
pub struct InterestCounts {
    counts: HashMap<Key, u32, ahash::RandomState>,
    scratch: Vec<u8>,
}

/// What other servers must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterestChange {
    /// Nothing.
    None,
    /// Interest begins, or a queue group has so many members now.
    Begins(u32),
    /// Interest ends.
    Ends,
}

impl InterestCounts {
    /// Counts a subscription in.
    pub fn add(&mut self, subscription: &impl SubscriptionFacts) -> InterestChange {
        write_key(&mut self.scratch, subscription.subject(), subscription.queue());
        let count = match self.counts.get_mut(&self.scratch[..]) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => {
                self.counts.insert(self.scratch.as_slice().into(), 1);
                1
            }
        };
        let is_news = count == 1 || subscription.queue().is_some();
        if is_news { InterestChange::Begins(count) } else { InterestChange::None }
    }

    /// Counts a subscription out.
    pub fn remove(&mut self, subscription: &impl SubscriptionFacts) -> InterestChange {
        write_key(&mut self.scratch, subscription.subject(), subscription.queue());
        let Some(count) = self.counts.get_mut(&self.scratch[..]) else { return InterestChange::None };
        *count -= 1;
        match *count {
            0 => {
                self.counts.remove(&self.scratch[..]);
                InterestChange::Ends
            }
            count if subscription.queue().is_some() => InterestChange::Begins(count),
            _ => InterestChange::None,
        }
    }

    /// Calls `visit` with each subject, its queue group and the number of subscribers, in no order.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], Option<&[u8]>, u32)) {
        for (key, count) in &self.counts {
            let mut parts = key.splitn(2, |byte| *byte == b' ');
            let subject = parts.next().unwrap_or_default();
            visit(subject, parts.next(), *count);
        }
    }

    /// Number of subjects and queue groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nobody is interested in anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

fn write_key(key: &mut Vec<u8>, subject: &[u8], queue: Option<&[u8]>) {
    key.clear();
    key.extend_from_slice(subject);
    if let Some(queue) = queue {
        key.push(b' ');
        key.extend_from_slice(queue);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    struct Sub(&'static str, Option<&'static str>);

    impl SubscriptionFacts for Sub {
        fn id(&self) -> u64 {
            0
        }
        fn subject(&self) -> &[u8] {
            self.0.as_bytes()
        }
        fn queue(&self) -> Option<&[u8]> {
            self.1.map(str::as_bytes)
        }
    }

    #[test]
    fn only_the_first_and_the_last_subscriber_are_news() {
        let mut counts = InterestCounts::default();
        let (plain, group) = (Sub("a", None), Sub("a", Some("q")));
        assert_eq!(counts.add(&plain), InterestChange::Begins(1));
        assert_eq!(counts.add(&plain), InterestChange::None);
        assert_eq!(counts.add(&group), InterestChange::Begins(1));
        assert_eq!(counts.add(&group), InterestChange::Begins(2));
        assert_eq!(counts.remove(&group), InterestChange::Begins(1));
        assert_eq!(counts.remove(&plain), InterestChange::None);
        assert_eq!(counts.remove(&plain), InterestChange::Ends);
        assert_eq!(counts.remove(&plain), InterestChange::None);
        assert_eq!(counts.remove(&group), InterestChange::Ends);
        assert!(counts.is_empty());
    }

    proptest! {
        /// Whoever applies the news knows what there is.
        #[test]
        fn the_news_add_up(steps in prop::collection::vec((0usize..4, any::<bool>()), 0..100)) {
            let subs = [Sub("a", None), Sub("b.*", None), Sub("a", Some("q")), Sub("a", Some("r"))];
            let mut counts = InterestCounts::default();
            let mut live = [0u32; 4];
            let mut told: BTreeMap<(&str, Option<&str>), u32> = BTreeMap::new();
            for (which, adds) in steps {
                let sub = &subs[which];
                let change = if adds {
                    live[which] += 1;
                    counts.add(sub)
                } else if live[which] > 0 {
                    live[which] -= 1;
                    counts.remove(sub)
                } else {
                    continue;
                };
                match change {
                    InterestChange::None => {}
                    InterestChange::Begins(weight) => _ = told.insert((sub.0, sub.1), weight),
                    InterestChange::Ends => _ = told.remove(&(sub.0, sub.1)),
                }
                let mut counted = 0;
                counts.for_each(|_, _, count| counted += count);
                prop_assert_eq!(counted, live.iter().sum::<u32>());
                for (which, sub) in subs.iter().enumerate() {
                    let known = told.get(&(sub.0, sub.1)).copied().unwrap_or(0);
                    prop_assert_eq!(known > 0, live[which] > 0);
                    prop_assert!(sub.1.is_none() || known == live[which]);
                }
            }
        }
    }
}
