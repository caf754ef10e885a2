//! Who answers which request.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use troupe_codecs::api::errors;
use troupe_codecs::api::json::Strictness;
use troupe_codecs::api::response::{
    AccountInfo, ConsumerList, ConsumerNames, ConsumerPaused, ConsumerReset, Done, Empty, Message, Purged,
    SnapshotStarted, StreamInfoBody,
};

use troupe_engine::consumer::call::{Call, Verb, answer_kind, parse_call};

use super::super::entry::StreamEntry;
use super::super::messages::{StreamCall, StreamCommand};
use super::ApiRequest;
use super::{restore, streams, system};
use crate::router::ArbiterLocal;

/// Subjects of the API. Messages of consumers and direct reads are not among them: streams take those themselves, so that a
/// client is told when there is no such stream.
pub const API_SUBJECTS: [&str; 15] = [
    "$JS.API.*",
    "$JS.API.STREAM.>",
    "$JS.API.CONSUMER.CREATE.>",
    "$JS.API.CONSUMER.DURABLE.>",
    "$JS.API.CONSUMER.NAMES.>",
    "$JS.API.CONSUMER.LIST.>",
    "$JS.API.CONSUMER.INFO.>",
    "$JS.API.CONSUMER.DELETE.>",
    "$JS.API.CONSUMER.PAUSE.>",
    "$JS.API.CONSUMER.RESET.>",
    "$JS.API.CONSUMER.UNPIN.>",
    "$JS.API.CONSUMER.LEADER.>",
    "$JS.API.META.>",
    "$JS.API.SERVER.>",
    "$JS.API.ACCOUNT.>",
];

/// Work that goes on after the next request has been taken.
pub type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Answers a request, hands it to its stream, or yields the work that will answer it.
pub fn dispatch(request: ApiRequest, local: &Rc<ArbiterLocal>) -> Option<Work> {
    let subject = String::from_utf8_lossy(request.subject()).into_owned();
    let tokens: Vec<&str> = split_api(&subject);
    let local = Rc::clone(local);
    if request.server().is_system(request.account().name()) {
        return system::dispatch(&tokens, request, local);
    }
    match tokens.as_slice() {
        ["INFO"] => answer_info(&request, &local),
        ["STREAM", "CREATE", name] => return Some(streams::create(request, local, (*name).to_owned())),
        ["STREAM", "NAMES"] => streams::names(&request, &local),
        ["STREAM", "LIST"] => return Some(streams::list(request, local)),
        ["STREAM", "DELETE", name] => return Some(streams::delete(request, local, (*name).to_owned())),
        ["STREAM", "RESTORE", name] => return Some(restore::restore(request, local, (*name).to_owned())),
        ["STREAM", "MSG", verb, name] => dispatch_message(verb, name, request, &local),
        ["STREAM", "PEER", "REMOVE" | "EVACUATE", _] => {
            refuse_cluster::<Done>(&request, &local, "stream_remove_peer_response")
        }
        ["STREAM", "LEADER", "STEPDOWN", _] => {
            refuse_cluster::<Done>(&request, &local, "stream_leader_stepdown_response")
        }
        ["STREAM", "CANCEL_MOVE", _] => refuse_cluster::<Empty>(&request, &local, "stream_update_response"),
        ["STREAM", verb, name] => dispatch_stream(verb, name, request, &local),
        ["CONSUMER", ..] => dispatch_consumer(request, &local),
        _ => tracing::debug!("no such request: {subject}"),
    }
    None
}

/// What stands behind `$JS.API`.
fn split_api(subject: &str) -> Vec<&str> {
    subject.split('.').skip(2).collect()
}

fn answer_info(request: &ApiRequest, local: &ArbiterLocal) {
    let stats = || AccountInfo::Some(request.account().stats(request.server().domain()));
    request.answer(local, "account_info_response", request.check().map(|()| stats()));
}

fn refuse_cluster<T: Serialize + Default>(request: &ApiRequest, local: &ArbiterLocal, kind: &'static str) {
    request.answer::<T>(local, kind, Err(errors::CLUSTER_REQUIRED.error()));
}

fn dispatch_message(verb: &str, name: &str, request: ApiRequest, local: &ArbiterLocal) {
    match verb {
        "GET" => forward::<Message>(StreamCall::MsgGet, name, request, local, "stream_msg_get_response"),
        "DELETE" => forward::<Done>(StreamCall::MsgDelete, name, request, local, "stream_msg_delete_response"),
        _ => {}
    }
}

fn dispatch_stream(verb: &str, name: &str, request: ApiRequest, local: &ArbiterLocal) {
    match verb {
        "INFO" => forward::<StreamInfoBody>(StreamCall::Info, name, request, local, "stream_info_response"),
        "UPDATE" => forward::<Empty>(StreamCall::Update, name, request, local, "stream_update_response"),
        "PURGE" => forward::<Purged>(StreamCall::Purge, name, request, local, "stream_purge_response"),
        "SNAPSHOT" => {
            forward::<SnapshotStarted>(StreamCall::Snapshot, name, request, local, "stream_snapshot_response")
        }
        _ => {}
    }
}

/// Hands a request to its stream, if it is one that can be answered at all.
fn forward<T: Serialize + Default>(
    call: StreamCall,
    name: &str,
    request: ApiRequest,
    local: &ArbiterLocal,
    kind: &'static str,
) {
    let refusal = request.check().err().or_else(|| streams::check_body(call, name, &request));
    let found = match refusal {
        Some(error) => Err(error),
        None => find(&request, name),
    };
    match found {
        Err(error) => request.answer::<T>(local, kind, Err(error)),
        Ok(entry) => {
            if !entry.ask(StreamCommand::Api(call, request.clone())) {
                request.answer::<T>(local, kind, Err(errors::INSUFFICIENT_RESOURCES.error()));
            }
        }
    }
}

/// The stream of this name, if it is served.
fn find(request: &ApiRequest, name: &str) -> Result<Arc<StreamEntry>, troupe_codecs::api::ApiError> {
    let entry = request.account().stream(name).ok_or_else(|| errors::STREAM_NOT_FOUND.error())?;
    match entry.offline_reason() {
        Some(reason) => Err(errors::STREAM_OFFLINE_REASON.with(reason)),
        None => Ok(entry),
    }
}

/// Hands a request about consumers to their stream. What is wrong with it whatever the stream is told first.
fn dispatch_consumer(request: ApiRequest, local: &ArbiterLocal) {
    let strictness = if request.server().options().strict { Strictness::Strict } else { Strictness::Lenient };
    let Some(kind) = answer_kind(request.subject()) else { return };
    let Some(read) = parse_call(request.subject(), request.body(), strictness) else { return };
    if let Ok(Call { stream, verb: Verb::Reset(_), .. }) = &read {
        // Consumers take these themselves, so that nobody speaks for one that does not exist.
        if let (Ok(entry), Ok(call)) = (find(&request, stream), &read) {
            let is_taken = entry.ask(StreamCommand::Consumer(call.clone(), request.clone()));
            tracing::debug!(is_taken, "a consumer is to begin anew");
        }
        return;
    }
    if kind == "consumer_leader_stepdown_response" {
        return refuse_cluster::<Empty>(&request, local, kind);
    }
    let found = request.check().and(read).and_then(|call| Ok((find(&request, &call.stream)?, call)));
    match found {
        Ok((entry, call)) => {
            if !entry.ask(StreamCommand::Consumer(call, request.clone())) {
                refuse_consumer(kind, &request, local, errors::INSUFFICIENT_RESOURCES.error());
            }
        }
        Err(error) => refuse_consumer(kind, &request, local, error),
    }
}

/// Answers a request about a consumer with an error.
fn refuse_consumer(
    kind: &'static str,
    request: &ApiRequest,
    local: &ArbiterLocal,
    error: troupe_codecs::api::ApiError,
) {
    match kind {
        "consumer_names_response" => request.answer::<ConsumerNames>(local, kind, Err(error)),
        "consumer_list_response" => request.answer::<ConsumerList>(local, kind, Err(error)),
        "consumer_reset_response" => request.answer::<ConsumerReset>(local, kind, Err(error)),
        "consumer_pause_response" => request.answer::<ConsumerPaused>(local, kind, Err(error)),
        _ => request.answer::<Empty>(local, kind, Err(error)),
    }
}
