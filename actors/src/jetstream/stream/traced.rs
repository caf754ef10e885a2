//! Messages that are traced: what the stream made of them.

use std::time::SystemTime;

use troupe_codecs::api::{ApiError, errors, headers};
use troupe_codecs::header;

use super::commit::{Outcome, is_of_batch};
use super::core::StreamCore;
use super::reply::Answers;
use crate::router::InboxMessage;
use crate::router::trace::{JetStreamOutcome, TraceTicket};
use troupe_engine::stream::fast::is_fast;

impl StreamCore {
    /// Takes one traced message; how many were stored.
    #[cold]
    pub(super) fn take_traced(
        &mut self,
        ticket: &TraceTicket,
        message: &InboxMessage,
        now: i64,
        answers: &mut Answers,
    ) -> u64 {
        let mut appended = 0;
        let outcome = if is_fast(message.reply()) || is_of_batch(message) {
            // Batches are judged as a whole, later: they are not traced further.
            if !ticket.is_only() {
                appended = match is_fast(message.reply()) {
                    true => self.take_fast(message, now, answers),
                    false => self.take_of_batch(message, now, answers),
                };
            }
            Outcome::Stored
        } else {
            let outcome = self.take_one(message, now, answers, ticket.is_only());
            appended = u64::from(outcome == Outcome::Stored && !ticket.is_only());
            outcome
        };
        let has_subject = matches!(outcome, Outcome::Stored | Outcome::Unwanted);
        let subject = if has_subject { self.transformed(message.subject()) } else { Vec::new() };
        let said = JetStreamOutcome {
            at: SystemTime::now(),
            subject: String::from_utf8_lossy(&subject).into_owned(),
            is_unwanted: outcome == Outcome::Unwanted,
            error: match outcome {
                Outcome::Stored | Outcome::Unwanted => String::new(),
                Outcome::Duplicate => "msgid is duplicate".to_owned(),
                Outcome::Gone => "stream closed".to_owned(),
                Outcome::Refused(error) => shown(&error, message.headers()),
            },
        };
        if let Some(trace) = ticket.end(said) {
            let mut batch = self.local.server_batch(self.account.view());
            batch.publish_trace(&trace);
            batch.finish();
        }
        appended
    }
}

/// An error as traces show it, which is not always as publishers see it.
fn shown(error: &ApiError, block: &[u8]) -> String {
    let asked = |name: &str| String::from_utf8_lossy(header::get(block, name).unwrap_or_default()).into_owned();
    let found = error.description.rsplit(' ').next().unwrap_or_default();
    if error.is(errors::STREAM_NOT_MATCH) {
        "expected stream does not match".to_owned()
    } else if error.is(errors::STREAM_MESSAGE_EXCEEDS_MAXIMUM) {
        "maximum payload exceeded".to_owned()
    } else if error.is(errors::MESSAGE_TTL_DISABLED) {
        "message TTL disabled".to_owned()
    } else if error.is(errors::STREAM_WRONG_LAST_SEQUENCE) {
        let by_subject = asked(headers::EXPECTED_LAST_SUBJECT_SEQ);
        if by_subject.is_empty() {
            format!("last sequence mismatch: {} vs {found}", asked(headers::EXPECTED_LAST_SEQ))
        } else {
            format!("last sequence by subject mismatch: {by_subject} vs {found}")
        }
    } else if error.is(errors::STREAM_WRONG_LAST_MSG_ID) {
        format!("last msgid mismatch: {:?} vs {found:?}", asked(headers::EXPECTED_LAST_MSG_ID))
    } else {
        error.to_string()
    }
}
