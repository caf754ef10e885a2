//! What an account offers, and to whom.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use troupe_codecs::subject::is_subset;

use crate::options::{LatencyOptions, ResponseType};

/// Who may import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Accounts that may.
    pub accounts: BTreeSet<String>,
    /// Token of the subject, from 1, that must be the name of the importing account; 0 is none.
    pub account_token_position: u32,
    /// The importing account must show an activation token.
    pub token_required: bool,
}

impl Approval {
    /// Whether `importer` may import `subject`. `is_exact`: the subject is the exported one, letter by letter. `has_token`: it
    /// shows a valid activation token.
    fn admits(&self, importer: &str, subject: &str, is_exact: bool, has_token: bool) -> bool {
        if self.account_token_position > 0 {
            // The exported subject itself has a wildcard at that place.
            let place = self.account_token_position as usize - 1;
            return !is_exact && subject.split('.').nth(place) == Some(importer);
        }
        if self.token_required {
            return has_token;
        }
        self.accounts.is_empty() || self.accounts.contains(importer)
    }

    /// Whether a token of `subject` can stand for the importing account.
    pub(super) fn fits(&self, subject: &str) -> bool {
        let Some(place) = (self.account_token_position as usize).checked_sub(1) else { return true };
        subject.split('.').nth(place) == Some("*")
    }
}

/// Messages others may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamExport {
    /// Subject, wildcards allowed.
    pub subject: Box<str>,
    /// Who may import.
    pub approval: Approval,
}

/// A service others may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceExport {
    /// Subject, wildcards allowed.
    pub subject: Box<str>,
    /// Who may import.
    pub approval: Approval,
    /// How many responses a request has.
    pub response: ResponseType,
    /// Time for a response.
    pub threshold: Duration,
    /// Measurement, where it is wanted.
    pub latency: Option<LatencyOptions>,
    /// Message traces go on inside the account.
    pub allow_trace: bool,
}

/// Something that is exported.
pub(super) trait Export {
    fn subject(&self) -> &str;
    fn approval(&self) -> &Approval;
}

impl Export for Arc<StreamExport> {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn approval(&self) -> &Approval {
        &self.approval
    }
}

impl Export for Arc<ServiceExport> {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn approval(&self) -> &Approval {
        &self.approval
    }
}

/// The export that covers `subject`: of the same name, or else the first whose pattern takes all of it.
pub(super) fn covering<'e, E: Export>(exports: &'e [E], subject: &str) -> Option<&'e E> {
    let exact = exports.iter().find(|export| export.subject() == subject);
    let is_covered = |export: &&E| is_subset(subject.as_bytes(), export.subject().as_bytes());
    exact.or_else(|| exports.iter().find(is_covered))
}

/// Whether `importer` may import `subject`.
pub(super) fn may_import<E: Export>(exports: &[E], importer: &str, subject: &str, has_token: bool) -> bool {
    covering(exports, subject)
        .is_some_and(|export| export.approval().admits(importer, subject, export.subject() == subject, has_token))
}
