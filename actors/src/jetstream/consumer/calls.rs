//! Requests of the API about consumers.

use serde::Serialize;
use troupe_codecs::api::consumer_info::with_server_metadata;
use troupe_codecs::api::response::{
    ConsumerList, ConsumerNames, ConsumerPaused, ConsumerReset, Done, Empty, Paged, Response,
};
use troupe_codecs::api::{ApiError, ConsumerConfig, ConsumerInfo, Timestamp, errors, headers};
use troupe_codecs::header;
use troupe_engine::consumer::audience::Member;
use troupe_engine::consumer::call::{Call, Verb};
use troupe_engine::consumer::config::set_required_level;

use super::slot::Slot;
use super::{Consumers, finish};
use crate::jetstream::api::ApiRequest;
use crate::jetstream::clock;
use crate::jetstream::messages::ConsumerPage;
use crate::jetstream::stream::StreamCore;

/// Names in one answer.
const NAMES_LIMIT: usize = 1024;
/// Consumers in one answer.
const LIST_LIMIT: usize = 256;

impl Consumers {
    /// Answers a request.
    pub fn answer(&mut self, core: &mut StreamCore, call: &Call, request: &ApiRequest) {
        let kind = call.verb.answer_kind();
        match &call.verb {
            Verb::Create { config, action, is_pedantic } => {
                // Streams that are fed by a consumer want to know whether their origin was made anew.
                let identity = (config.direct || config.sourcing).then(|| core.entry.identity());
                let made = check_identity(identity.as_deref(), request)
                    .and_then(|()| self.create(core, ConsumerConfig::clone(config), *action, *is_pedantic));
                let outcome = made.and_then(|member| self.shown_info(core, member));
                match (outcome, identity) {
                    (Ok(info), Some(identity)) => {
                        let block = header::with(b"", headers::STREAM_IDENTITY, identity.as_bytes());
                        request.succeed_with_headers(&core.local, &block, &Response::new(kind, info));
                    }
                    (outcome, _) => reply(request, core, kind, outcome),
                }
            }
            Verb::Names(offset) => request.answer(&core.local, kind, Ok(self.names(*offset))),
            Verb::List(offset) => {
                let list = self.list(core, *offset);
                request.answer(&core.local, kind, Ok(list));
            }
            Verb::Info => {
                let outcome = self.find(&call.consumer).and_then(|member| self.shown_info(core, member));
                reply(request, core, kind, outcome);
            }
            Verb::Delete => {
                let outcome = self.find(&call.consumer).map(|member| self.delete(core, member));
                request.answer(&core.local, kind, outcome.map(|()| Done::YES));
            }
            Verb::Pause(until) => {
                let outcome = self.find(&call.consumer).and_then(|member| self.pause(core, member, *until));
                request.answer(&core.local, kind, outcome);
            }
            Verb::Unpin(group) => {
                let outcome = self.find(&call.consumer).and_then(|member| self.unpin(core, member, group));
                request.answer(&core.local, kind, outcome.map(|()| Empty {}));
            }
            Verb::Reset(seq) => {
                let Ok(member) = self.find(&call.consumer) else { return };
                let outcome = request.check().and_then(|()| seq.clone()).and_then(|seq| {
                    let reset_seq = self.reset(core, member, seq)?;
                    Ok(ConsumerReset { info: Some(self.shown_info(core, member)?), reset_seq })
                });
                let response = match outcome {
                    Ok(body) => Response::new(kind, body),
                    Err(error) => Response::failed(kind, error, ConsumerReset::default()),
                };
                let wants_identity = header::get(request.headers(), headers::STREAM_IDENTITY).is_some();
                let block = if wants_identity {
                    header::with(b"", headers::STREAM_IDENTITY, core.entry.identity().as_bytes())
                } else {
                    Vec::new()
                };
                request.tell(&core.local, &block, &response);
            }
        }
    }

    fn find(&self, name: &str) -> Result<Member, ApiError> {
        if let Some(reason) = self.book.offline.get(name) {
            return Err(errors::CONSUMER_OFFLINE_REASON.with(reason));
        }
        self.book.member(name).ok_or_else(|| errors::CONSUMER_NOT_FOUND.error())
    }

    /// What is reported of a consumer.
    fn info(&mut self, core: &mut StreamCore, member: Member) -> Result<ConsumerInfo, ApiError> {
        let now = clock::now();
        let mut outlet = self.sending.open(now);
        let Some(slot) = self.book.slot(member) else { return Err(errors::CONSUMER_NOT_FOUND.error()) };
        outlet.speak_for(&slot.name, slot.machine.config());
        slot.machine.count_arrivals(core.audience.arrivals(slot.group));
        let info = slot.machine.info(slot.created, now, &mut outlet);
        finish(&mut self.book, core, member, &mut outlet);
        outlet.close();
        Ok(info)
    }

    /// The same with what the answering server adds to the metadata.
    fn shown_info(&mut self, core: &mut StreamCore, member: Member) -> Result<ConsumerInfo, ApiError> {
        let mut info = self.info(core, member)?;
        if let Some(config) = &mut info.config {
            config.metadata = with_server_metadata(&config.metadata, core.server.parts().version);
        }
        Ok(info)
    }

    /// Names of all that clients see, those that cannot be served included.
    fn visible(&self) -> Vec<String> {
        let shown = self.book.slots().filter(|slot| !slot.is_hidden()).map(|slot| slot.name.to_string());
        let mut names: Vec<String> = shown.chain(self.book.offline.keys().cloned()).collect();
        names.sort_unstable();
        names
    }

    /// What is reported of some of the consumers, from a number on: in the order they were made, those included that clients do not
    /// see.
    pub fn page(&mut self, core: &mut StreamCore, from: Member) -> ConsumerPage {
        let (members, next) = self.book.page(from, LIST_LIMIT);
        let mut page = ConsumerPage { next, ..ConsumerPage::default() };
        for member in members {
            let is_hidden = self.book.peek(member).is_some_and(Slot::is_hidden);
            if let Ok(info) = self.info(core, member) {
                if is_hidden { page.hidden.push(info) } else { page.shown.push(info) }
            }
        }
        page
    }

    /// Whether there is a consumer of this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.book.member(name).is_some() || self.book.offline.contains_key(name)
    }

    fn names(&self, offset: usize) -> ConsumerNames {
        let names = self.visible();
        let (total, offset) = (names.len(), offset.min(names.len()));
        let consumers = names.into_iter().skip(offset).take(NAMES_LIMIT).collect();
        ConsumerNames { paged: Paged { total, offset, limit: NAMES_LIMIT }, consumers }
    }

    fn list(&mut self, core: &mut StreamCore, offset: usize) -> ConsumerList {
        let names = self.visible();
        let (total, offset) = (names.len(), offset.min(names.len()));
        let mut list = ConsumerList { paged: Paged { total, offset, limit: LIST_LIMIT }, ..ConsumerList::default() };
        let mut consumers = Vec::new();
        for name in names.into_iter().skip(offset) {
            if consumers.len() >= LIST_LIMIT {
                break;
            }
            if let Some(reason) = self.book.offline.get(&name) {
                list.offline.insert(name.clone(), reason.clone());
                list.missing.push(name);
                continue;
            }
            let member = self.book.member(&name);
            if let Some(Ok(info)) = member.map(|member| self.info(core, member)) {
                consumers.push(info);
            }
        }
        list.consumers = consumers;
        list
    }

    fn pause(&mut self, core: &mut StreamCore, member: Member, until: Timestamp) -> Result<ConsumerPaused, ApiError> {
        let Some(slot) = self.book.peek(member) else { return Err(errors::CONSUMER_NOT_FOUND.error()) };
        let mut config = ConsumerConfig::clone(slot.machine.config());
        let until = if until.is_zero() { until } else { Timestamp::from_nanos(until.nanos()) };
        config.pause_until = (!until.is_zero()).then_some(until);
        set_required_level(&mut config);
        self.reconfigure(core, member, config)?;
        let rest = if until.is_zero() { 0 } else { until.nanos().saturating_sub(clock::now()).max(0) };
        Ok(ConsumerPaused { paused: rest > 0, pause_until: until, pause_remaining: rest })
    }

    fn unpin(&mut self, core: &mut StreamCore, member: Member, group: &str) -> Result<(), ApiError> {
        let mut outlet = self.sending.open(clock::now());
        let Some(slot) = self.book.slot(member) else { return Err(errors::CONSUMER_NOT_FOUND.error()) };
        if !slot.machine.config().priority_groups.iter().any(|known| known == group) {
            return Err(errors::CONSUMER_INVALID_PRIORITY_GROUP.error());
        }
        outlet.speak_for(&slot.name, slot.machine.config());
        slot.machine.unpin(group, &mut outlet);
        finish(&mut self.book, core, member, &mut outlet);
        outlet.close();
        self.book.make_ready(member);
        Ok(())
    }
}

/// Refuses a request that means another stream of the same name.
fn check_identity(identity: Option<&str>, request: &ApiRequest) -> Result<(), ApiError> {
    let Some(identity) = identity else { return Ok(()) };
    let wanted = header::get(request.headers(), headers::STREAM_IDENTITY).unwrap_or_default();
    if wanted.is_empty() || wanted == identity.as_bytes() {
        return Ok(());
    }
    Err(errors::CONSUMER_STREAM_IDENTITY_MISMATCH.with(identity))
}

/// Answers with a body that has no empty form.
fn reply<T: Serialize>(request: &ApiRequest, core: &StreamCore, kind: &'static str, outcome: Result<T, ApiError>) {
    match outcome {
        Ok(body) => request.succeed(&core.local, &Response::new(kind, body)),
        Err(error) => request.answer::<Empty>(&core.local, kind, Err(error)),
    }
}
