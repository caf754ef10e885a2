//! Consumers of a stream: state machines inside of its actor.

use std::sync::Arc;

use troupe_codecs::api::response::{ConsumerList, ConsumerNames, Paged};
use troupe_codecs::api::{ApiError, errors};
use troupe_store::Removals;

use super::api::ApiRequest;
use super::api::dispatch::refuse_consumer;
use super::messages::{ConsumerCall, ConsumerVerb};
use super::stream::StreamCore;
use crate::router::{ClientSink, InboxMessage};

/// The consumers of one stream. The stream's actor calls; nothing here waits.
#[derive(Debug, Default)]
pub struct Consumers {}

impl Consumers {
    /// Opens the consumers found in the store.
    #[must_use]
    pub fn recover(_core: &mut StreamCore) -> Self {
        Self {}
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some consumer wants messages of a subject.
    #[must_use]
    pub fn wants(&self, _subject: &[u8]) -> bool {
        false
    }

    /// When something is due.
    #[must_use]
    pub fn deadline(&self) -> Option<i64> {
        None
    }

    /// Does what is due.
    pub fn tick(&mut self, _core: &mut StreamCore, _now: i64) {}

    /// Takes a message that came with a tag of [`super::stream::core::TAG_CONSUMERS`] or above: acknowledgements, requests for
    /// messages, answers to flow control.
    pub fn message(
        &mut self,
        _core: &mut StreamCore,
        _client: Option<&Arc<ClientSink>>,
        _message: &InboxMessage,
        _now: i64,
    ) {
    }

    /// So many messages were stored at the end of the stream.
    pub fn appended(&mut self, _core: &mut StreamCore, _count: u64) {}

    /// Messages have left the stream.
    pub fn removed(&mut self, _core: &mut StreamCore, _removals: &Removals) {}

    /// The end of a batch: what is to be sent together is sent now.
    pub fn flush(&mut self, _core: &mut StreamCore) {}

    /// Whether another configuration of the stream suits them.
    ///
    /// # Errors
    /// It does not.
    pub fn check_update(&self, _core: &StreamCore, _request: &ApiRequest) -> Result<(), ApiError> {
        Ok(())
    }

    /// The stream has another configuration now.
    pub fn reconfigured(&mut self, _core: &mut StreamCore) {}

    /// The stream goes: clients that wait are told.
    pub fn close(&mut self, _core: &mut StreamCore) {}

    /// The actor ends in order: states are written.
    pub fn save(&mut self, _core: &mut StreamCore) {}

    /// Answers a request.
    pub fn answer(&mut self, core: &mut StreamCore, call: &ConsumerCall, request: &ApiRequest) {
        let kind = call.verb.response_type();
        match call.verb {
            ConsumerVerb::Names => {
                let paged = Paged { total: 0, offset: 0, limit: 1024 };
                request.answer(&core.local, kind, Ok(ConsumerNames { paged, consumers: Vec::new() }));
            }
            ConsumerVerb::List => {
                let paged = Paged { total: 0, offset: 0, limit: 256 };
                let list = ConsumerList { paged, consumers: Vec::new(), ..ConsumerList::default() };
                request.answer(&core.local, kind, Ok(list));
            }
            ConsumerVerb::Create | ConsumerVerb::CreateDurable => {
                let error = errors::CONSUMER_CREATE.with("consumers are not supported yet");
                refuse_consumer(call.verb, request, &core.local, error);
            }
            _ => refuse_consumer(call.verb, request, &core.local, errors::CONSUMER_NOT_FOUND.error()),
        }
    }
}
