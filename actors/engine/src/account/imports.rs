//! What an account takes from others.

use std::borrow::Cow;
use std::sync::Arc;

use troupe_codecs::subject::{is_literal, is_subset};

use super::ServiceExport;
use crate::options::ResponseType;
use crate::subject::Transform;

/// Messages of another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamImport {
    /// Exporting account.
    pub exporter: Arc<str>,
    /// Subject there.
    pub from: Box<str>,
    /// Subject here.
    pub to: Box<str>,
    /// From there to here, where they differ and have wildcards.
    pub transform: Option<Transform>,
    /// The subject is the same on both sides.
    pub is_same: bool,
    /// Message traces go on into the importing account.
    pub allow_trace: bool,
}

impl StreamImport {
    /// The subject a message on `subject` of the exporting account has here.
    #[must_use]
    pub fn local_subject<'s>(&'s self, subject: &'s [u8]) -> Cow<'s, [u8]> {
        match &self.transform {
            Some(transform) => Cow::Owned(transform.apply(subject)),
            None if self.is_same => Cow::Borrowed(subject),
            None => Cow::Borrowed(self.to.as_bytes()),
        }
    }

    /// What a subscription to `subject` here is a subscription to in the exporting account; `None` when it gets nothing
    /// from this import.
    #[must_use]
    pub fn shadow(&self, subject: &[u8]) -> Option<Vec<u8>> {
        let to = self.to.as_bytes();
        if subject == to {
            return Some(self.from.as_bytes().to_vec());
        }
        if is_subset(subject, to) {
            return Some(self.narrowed(subject, subject));
        }
        if is_literal(subject) {
            return None;
        }
        if is_subset(to, subject) {
            return Some(self.from.as_bytes().to_vec());
        }
        let overlap = overlap(subject, to);
        is_subset(&overlap, to).then(|| self.narrowed(subject, &overlap))
    }

    /// The part `overlap` of this import, as the exporting account names it.
    fn narrowed(&self, subject: &[u8], overlap: &[u8]) -> Vec<u8> {
        if self.is_same {
            return overlap.to_vec();
        }
        match self.transform.as_ref().and_then(Transform::reverse) {
            Some(reverse) => reverse.apply(overlap),
            // Without wildcards there is one subject on either side.
            None if subject != overlap => overlap.to_vec(),
            None => self.from.as_bytes().to_vec(),
        }
    }
}

/// `subject` with its wildcards made as narrow as the pattern `to` allows.
fn overlap(subject: &[u8], to: &[u8]) -> Vec<u8> {
    let mut tokens: Vec<&[u8]> = subject.split(|byte| *byte == b'.').collect();
    let wanted: Vec<&[u8]> = to.split(|byte| *byte == b'.').collect();
    for (token, wanted) in tokens.iter_mut().zip(&wanted) {
        if *token == b"*" && *wanted != b">" {
            *token = wanted;
        }
    }
    let last = tokens.len() - 1;
    if tokens[last] == b">" && wanted.len() > last {
        tokens.truncate(last);
        tokens.extend_from_slice(&wanted[last..]);
    }
    tokens.join(&b'.')
}

/// A service of another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceImport {
    /// Exporting account.
    pub exporter: Arc<str>,
    /// The export it uses.
    pub export: Option<Arc<ServiceExport>>,
    /// Subject here, which requests are sent to.
    pub from: Box<str>,
    /// Subject there.
    pub to: Box<str>,
    /// From here to there, where they differ and have wildcards.
    pub transform: Option<Transform>,
    /// The subject is the same on both sides.
    pub is_same: bool,
    /// The service sees who asks.
    pub share: bool,
}

impl ServiceImport {
    /// The subject a request on `subject` has in the exporting account.
    #[must_use]
    pub fn target<'s>(&'s self, subject: &'s [u8]) -> Cow<'s, [u8]> {
        match &self.transform {
            Some(transform) => Cow::Owned(transform.apply(subject)),
            None if self.is_same => Cow::Borrowed(subject),
            None => Cow::Borrowed(self.to.as_bytes()),
        }
    }

    /// How many responses a request has.
    #[must_use]
    pub fn response(&self) -> ResponseType {
        self.export.as_ref().map_or(ResponseType::Singleton, |export| export.response)
    }
}
