//! Requests that nobody takes, where the server itself has an answer.

use std::fmt;
use std::sync::Arc;

use super::{AccountView, Inbox};

/// Says whether a request on a subject in an account, which nobody takes, is one for the server.
pub type IsOurs = Box<dyn Fn(&AccountView, &[u8]) -> bool + Send + Sync>;

/// Who answers requests that nobody takes. It costs nothing where somebody does.
pub struct LastResort {
    inbox: Arc<Inbox>,
    is_ours: IsOurs,
}

impl fmt::Debug for LastResort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastResort").finish_non_exhaustive()
    }
}

impl LastResort {
    /// Leads those requests to `inbox` that `is_ours` says.
    #[must_use]
    pub fn new(inbox: Arc<Inbox>, is_ours: IsOurs) -> Self {
        Self { inbox, is_ours }
    }

    /// Who takes a request that nobody in its account takes.
    pub(super) fn inbox(&self, account: &AccountView, subject: &[u8]) -> Option<&Arc<Inbox>> {
        (self.is_ours)(account, subject).then_some(&self.inbox)
    }
}
