//! Which entries in exporting accounts stand for which subscriptions of importing ones. Kept by the Router.

use std::collections::HashMap;
use std::sync::Arc;

use troupe_engine::index::SubscriptionFacts;

use super::exchange::StreamLink;
use super::subscription::Receiver;
use super::{AccountView, Subscription};

/// An entry and the account it stands in.
pub(super) type Shadow = (Arc<AccountView>, Arc<Subscription>);

/// Whether a subscription is one that imports can reach: not those that lead to other accounts or servers.
fn can_import(main: &Subscription) -> bool {
    matches!(main.receiver(), Receiver::Client(_) | Receiver::Inbox(_))
}

/// Number of entries a subscription should have.
pub(super) fn wanted(links: &[StreamLink], main: &Subscription) -> usize {
    if !can_import(main) {
        return 0;
    }
    links.iter().filter(|link| link.import.shadow(main.subject()).is_some()).count()
}

/// Entries by the identity of the subscription they stand for.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    by_main: HashMap<u64, Vec<Shadow>>,
}

impl Shadows {
    /// Makes the entries for a subscription of `importer`.
    pub(super) fn cast(
        &mut self,
        importer: &Arc<AccountView>,
        links: &[StreamLink],
        main: &Arc<Subscription>,
    ) -> Vec<Shadow> {
        if !can_import(main) {
            return Vec::new();
        }
        let shadows: Vec<Shadow> = links
            .iter()
            .filter_map(|link| {
                let subject = link.import.shadow(main.subject())?;
                tracing::debug!(
                    "Creating import subscription on {:?} from account {:?}",
                    String::from_utf8_lossy(&subject),
                    link.exporter.name()
                );
                let entry =
                    Subscription::imported(Arc::clone(main), Arc::clone(&link.import), Arc::clone(importer), &subject);
                Some((Arc::clone(&link.exporter), Arc::new(entry)))
            })
            .collect();
        if !shadows.is_empty() {
            self.by_main.insert(main.id(), shadows.clone());
        }
        shadows
    }

    /// Takes the entries of a subscription out.
    pub(super) fn uncast(&mut self, main: &Arc<Subscription>) -> Vec<Shadow> {
        if self.by_main.is_empty() {
            return Vec::new();
        }
        self.by_main.remove(&main.id()).unwrap_or_default()
    }

    /// Notes an entry that a predecessor made.
    pub(super) fn adopt(&mut self, account: &Arc<AccountView>, entry: &Arc<Subscription>) {
        if let Receiver::Import(imported) = entry.receiver() {
            let known = self.by_main.entry(imported.main.id()).or_default();
            if !known.iter().any(|(_, other)| Arc::ptr_eq(other, entry)) {
                known.push((Arc::clone(account), Arc::clone(entry)));
            }
        }
    }

    /// Number of entries of a subscription.
    pub(super) fn count(&self, main: &Arc<Subscription>) -> usize {
        self.by_main.get(&main.id()).map_or(0, Vec::len)
    }
}
