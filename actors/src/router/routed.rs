//! Messages that come from another server: they go to receivers here. Only where the members of a queue group have just left, a message
//! for it goes on to another server.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_engine::index::SubscriptionFacts;

use super::cache::count_hits;
use super::remote::Reach;
use super::{Message, Origin, Publisher};

impl Publisher {
    /// Delivers a message of another server to everybody here, and to one member of each of `queues`. Yields to how many.
    #[inline]
    pub fn publish_routed<'q>(
        &mut self,
        origin: Origin<'_>,
        message: &Message<'_>,
        queues: impl Iterator<Item = &'q [u8]>,
    ) -> usize {
        if let Some(num_receivers) = self.continue_row(origin, message) {
            return num_receivers;
        }
        let Some(number) = self.look_up(message.subject) else { return 0 };
        // A row is for plans without groups, so nothing is lost where groups are named in vain.
        if self.start_row(number, origin, message) {
            return self.continue_row(origin, message).unwrap_or(0);
        }
        if let Some(subject) = message.shown_subject {
            self.show(subject, message.has_headers);
        }
        let has_limited = self.count_plain(number);
        let random = self.random.random_range(0..u32::MAX) as usize;
        let mut missed = Vec::new();
        let (plan, mut door) = self.door(number, message);
        let mut num_delivered = 0;
        for subscription in &plan.matches.plain {
            num_delivered += usize::from(door.deliver(subscription, origin, message, has_limited));
        }
        for queue in queues {
            let name = |group: &&Vec<_>| group.first().and_then(SubscriptionFacts::queue) == Some(queue);
            let is_delivered = plan
                .matches
                .groups
                .iter()
                .find(name)
                .is_some_and(|group| door.deliver_to_group(group, random % group.len(), origin, message));
            if is_delivered {
                num_delivered += 1;
            } else {
                missed.push(queue);
            }
        }
        if !missed.is_empty() && !plan.remote.is_empty() {
            // Those here have just left.
            let audience = (Reach::Groups, |name: &[u8]| !missed.contains(&name));
            num_delivered += self.deliver_abroad(number, origin, message, audience);
        }
        if !self.hops.is_empty() {
            num_delivered += self.follow_hops(origin, message);
        }
        num_delivered
    }

    /// Sends a message to the other servers of `audience`: how far it reaches, and which queue groups have taken it already.
    #[cold]
    pub(super) fn deliver_abroad(
        &mut self,
        number: usize,
        origin: Origin<'_>,
        message: &Message<'_>,
        audience: (Reach, impl Fn(&[u8]) -> bool),
    ) -> usize {
        let mut remote = std::mem::take(&mut self.cache.plan(number).remote);
        let mut random = SmallRng::from_rng(&mut self.random);
        let (_, mut door) = self.door(number, message);
        let num_delivered = remote.deliver(&mut door, origin, message, audience, &mut random);
        self.cache.plan(number).remote = remote;
        num_delivered
    }

    /// Counts a message to the plain subscriptions of a plan; true where each delivery has to be counted by itself.
    #[inline]
    pub(super) fn count_plain(&mut self, number: usize) -> bool {
        let plan = self.cache.plan(number);
        let has_limited = plan.matches.plain.iter().any(|subscription| subscription.is_limited());
        if has_limited {
            count_hits(plan);
            return true;
        }
        if plan.hits == 0 {
            self.uncounted.push(number);
        }
        plan.hits += 1;
        false
    }
}
