//! Requests that concern several streams, or one that is made or goes.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;
use troupe_codecs::api::request::{
    MsgDeleteRequest, MsgGetRequest, StreamInfoRequest, StreamNamesRequest, StreamPurgeRequest,
};
use troupe_codecs::api::response::{Done, Empty, Paged, Response, StreamList, StreamNames};
use troupe_codecs::api::{ApiError, StreamConfig, Timestamp, errors};
use troupe_engine::stream::config::{AccountBytes, ConfigContext, check, collide};
use troupe_engine::stream::level::{copy_level, set_stream_level};

use super::super::account::JetStreamAccount;
use super::super::advisory;
use super::super::clock;
use super::super::entry::StreamEntry;
use super::super::messages::{Answer, StreamCall, StreamCommand};
use super::super::server::JetStreamServer;
use super::ApiRequest;
use super::dispatch::Work;
use crate::router::ArbiterLocal;
use troupe_codecs::api::advisory::StreamAction;

/// Names in one answer.
const NAMES_LIMIT: usize = 1024;
/// Details in one answer.
const LIST_LIMIT: usize = 256;
const CREATED: &str = "stream_create_response";
const DELETED: &str = "stream_delete_response";
const LISTED: &str = "stream_list_response";

/// What is checked of a body before its stream is looked for.
pub(super) fn check_body(call: StreamCall, name: &str, request: &ApiRequest) -> Option<ApiError> {
    match call {
        StreamCall::MsgGet | StreamCall::MsgDelete | StreamCall::Snapshot if request.is_empty() => {
            Some(errors::BAD_REQUEST.error())
        }
        StreamCall::Update => check_wanted(request, name).err(),
        StreamCall::Info => request.decode_optional::<StreamInfoRequest>().err(),
        StreamCall::Purge => request.decode_optional::<StreamPurgeRequest>().and_then(|asked| asked.check()).err(),
        StreamCall::MsgGet => request.decode::<MsgGetRequest>().and_then(|asked| asked.check()).err(),
        StreamCall::MsgDelete => request.decode::<MsgDeleteRequest>().err(),
        _ => None,
    }
}

/// Reads the configuration in a request about the stream `name`, and whether values are refused rather than corrected.
pub(in crate::jetstream) fn read_config(request: &ApiRequest, name: &str) -> Result<(StreamConfig, bool), ApiError> {
    let (config, is_pedantic) = decode_config(request)?;
    if config.name == name { Ok((config, is_pedantic)) } else { Err(errors::STREAM_MISMATCH.error()) }
}

fn decode_config(request: &ApiRequest) -> Result<(StreamConfig, bool), ApiError> {
    let mut value = if request.is_blank() { Value::Null } else { request.parse()? };
    let pedantic = value.as_object_mut().and_then(|fields| fields.remove("pedantic"));
    let config = request.decode_value(value)?;
    Ok((config, pedantic.is_some_and(|value| value == Value::Bool(true))))
}

/// What is wrong with a wanted configuration whatever the present one is.
fn check_wanted(request: &ApiRequest, name: &str) -> Result<(), ApiError> {
    let (config, is_pedantic) = decode_config(request)?;
    let replicas = config.replicas;
    with_context(request.server(), request.account(), (replicas, is_pedantic), |context| {
        check(&config, &ConfigContext { reserve: &|_| Ok(()), ..*context })
    })?;
    if config.name == name { Ok(()) } else { Err(errors::STREAM_MISMATCH.error()) }
}

/// Runs a check of a configuration with what is known of its account.
pub(in crate::jetstream) fn with_context<T>(
    server: &JetStreamServer,
    account: &JetStreamAccount,
    (replicas, is_pedantic): (i64, bool),
    run: impl FnOnce(&ConfigContext<'_>) -> T,
) -> T {
    let find = |name: &str| account.config(name);
    let limits = account.limits(replicas);
    let account_bytes = AccountBytes { memory: limits.memory_max_stream_bytes, file: limits.storage_max_stream_bytes };
    let reserve = |config: &StreamConfig| account.check_room(config).and_then(|()| server.check_room(account, config));
    run(&ConfigContext {
        reserve: &reserve,
        max_duplicates: server.options().max_duplicates,
        max_bytes_required: limits.max_bytes_required,
        account_bytes,
        is_pedantic,
        ..ConfigContext::new(&find)
    })
}

/// Makes a stream, or finds that it is there already.
pub(super) fn create(request: ApiRequest, local: Rc<ArbiterLocal>, name: String) -> Work {
    Box::pin(async move {
        let outcome = match request.check().and_then(|()| prepare(&request, &name)) {
            Ok(config) => find_or_make(&request, config, &local).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(entry) if entry.ask(StreamCommand::Api(StreamCall::Created, request.clone())) => {}
            Ok(_) => request.answer::<Empty>(&local, CREATED, Err(errors::INSUFFICIENT_RESOURCES.error())),
            Err(error) => request.answer::<Empty>(&local, CREATED, Err(error)),
        }
    })
}

fn prepare(request: &ApiRequest, name: &str) -> Result<StreamConfig, ApiError> {
    let (config, is_pedantic) = read_config(request, name)?;
    if name.contains(['\\', '/']) {
        return Err(errors::STREAM_NAME_CONTAINS_PATH_SEPARATORS.error());
    }
    if config.sealed {
        return Err(errors::STREAM_INVALID_CONFIG.with("stream configuration for create can not be sealed"));
    }
    if config.mirror_direct && config.mirror.is_none() {
        return Err(errors::STREAM_INVALID_CONFIG.with("stream has no mirror but does have mirror direct"));
    }
    let traits = (config.replicas, is_pedantic);
    let mut config = with_context(request.server(), request.account(), traits, |context| check(&config, context))?;
    if config.replicas > 1 {
        return Err(errors::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    set_stream_level(&mut config);
    Ok(config)
}

async fn find_or_make(
    request: &ApiRequest,
    mut config: StreamConfig,
    local: &ArbiterLocal,
) -> Result<Arc<StreamEntry>, ApiError> {
    let (server, account) = (request.server(), request.account());
    if let Some(entry) = account.stream(&config.name) {
        if let Some(reason) = entry.offline_reason() {
            return Err(errors::STREAM_OFFLINE_REASON.with(reason));
        }
        let known = entry.config();
        copy_level(&mut config.metadata, &known.metadata);
        return if *known == config { Ok(entry) } else { Err(errors::STREAM_NAME_EXIST.error()) };
    }
    let name = config.name.clone();
    let entry = server.create(account, config, Timestamp::from_nanos(clock::now())).await?;
    advisory::publish(local, account.view(), &format!("STREAM.CREATED.{name}"), "stream_action", || StreamAction {
        stream: name.clone(),
        action: "create",
        domain: server.domain().to_owned(),
    });
    Ok(entry)
}

/// Removes a stream.
pub(super) fn delete(request: ApiRequest, local: Rc<ArbiterLocal>, name: String) -> Work {
    Box::pin(async move {
        let outcome = match request.check() {
            Ok(()) if !request.is_empty() => Err(errors::NOT_EMPTY_REQUEST.error()),
            Ok(()) => destroy(request.server(), request.account(), &name).await,
            Err(error) => Err(error),
        };
        if outcome.is_ok() {
            let account = request.account().view();
            advisory::publish(&local, account, &format!("STREAM.DELETED.{name}"), "stream_action", || StreamAction {
                stream: name.clone(),
                action: "delete",
                domain: request.server().domain().to_owned(),
            });
        }
        request.answer(&local, DELETED, outcome.map(|()| Done::YES));
    })
}

/// Removes a stream with its files and waits until it is gone.
pub(super) async fn destroy(server: &JetStreamServer, account: &JetStreamAccount, name: &str) -> Result<(), ApiError> {
    let entry = account.stream(name).ok_or_else(|| errors::STREAM_NOT_FOUND.error())?;
    if entry.offline_reason().is_some() {
        return server.remove_offline(account, &entry).await;
    }
    let (answer, outcome) = Answer::channel();
    if !entry.ask(StreamCommand::Destroy(answer)) {
        return Err(errors::INSUFFICIENT_RESOURCES.error());
    }
    let outcome = outcome.await.unwrap_or_else(|_| Err(errors::STREAM_DELETE.with("stream is closed")));
    if outcome.is_ok() {
        server.forget(account, &entry).await;
    }
    outcome
}

fn filtered(request: &ApiRequest, subject: &str) -> Vec<Arc<StreamEntry>> {
    let mut streams = request.account().streams();
    if !subject.is_empty() {
        streams.retain(|entry| entry.config().subjects.iter().any(|own| collide(own, subject)));
    }
    streams
}

fn page<T>(entries: &mut Vec<T>, offset: i64, limit: usize) -> Paged {
    let total = entries.len();
    let offset = usize::try_from(offset).unwrap_or(0).min(total);
    entries.drain(..offset);
    entries.truncate(limit);
    Paged { total, offset, limit }
}

/// Lists names.
pub(super) fn names(request: &ApiRequest, local: &ArbiterLocal) {
    let outcome = request.check().and_then(|()| request.decode_or_default::<StreamNamesRequest>());
    let outcome = outcome.map(|asked| {
        let mut entries = filtered(request, &asked.subject);
        let paged = page(&mut entries, asked.offset, NAMES_LIMIT);
        let names: Vec<String> = entries.iter().map(|entry| entry.name().to_string()).collect();
        StreamNames { paged, streams: Some(names).filter(|names| !names.is_empty()) }
    });
    request.answer(local, "stream_names_response", outcome);
}

/// Lists details.
pub(super) fn list(request: ApiRequest, local: Rc<ArbiterLocal>) -> Work {
    Box::pin(async move {
        match request.check().and_then(|()| request.decode_or_default::<StreamNamesRequest>()) {
            Ok(asked) => request.answer(&local, LISTED, Ok(collect(&request, &asked).await)),
            Err(error) => {
                let nothing = StreamList { streams: Some(Vec::new()), ..StreamList::default() };
                request.fail(&local, &Response::failed(LISTED, error, nothing));
            }
        }
    })
}

async fn collect(request: &ApiRequest, asked: &StreamNamesRequest) -> StreamList {
    let mut entries = filtered(request, &asked.subject);
    let paged = page(&mut entries, asked.offset, LIST_LIMIT);
    let (mut infos, mut missing, mut offline) =
        (Vec::with_capacity(entries.len()), Vec::new(), std::collections::BTreeMap::new());
    for entry in entries {
        if let Some(reason) = entry.offline_reason() {
            offline.insert(entry.name().to_string(), reason.to_string());
            continue;
        }
        let (answer, info) = Answer::channel();
        let is_asked = entry.ask(StreamCommand::Info(answer));
        match info.await {
            Ok(info) if is_asked => infos.push(info),
            _ => missing.push(entry.name().to_string()),
        }
    }
    StreamList { paged, streams: Some(infos), missing, offline }
}
