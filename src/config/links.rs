//! Exports and imports of accounts.

use std::collections::BTreeMap;

use config::{Map, Value, ValueKind};
use troupe_codecs::conf::parse_duration;
use troupe_engine::options::{
    ExportKind, ExportOptions, ImportKind, ImportOptions, LatencyOptions, ResponseType, Sampling,
};

use super::reader::{Reader, go_type, shown};

/// Keys of an export as they are read.
#[derive(Default)]
struct ExportKeys<'v> {
    stream: Option<&'v Value>,
    service: Option<&'v Value>,
    response: Option<(&'v Value, ResponseType)>,
    threshold: Option<(&'v Value, std::time::Duration)>,
    accounts: Vec<String>,
    latency: Option<(&'v Value, LatencyOptions)>,
    token_position: u32,
    allow_trace: Option<(&'v Value, bool)>,
}

/// Reads the exports of an account.
pub(super) fn read_exports(reader: &mut Reader, value: &Value) -> Vec<ExportOptions> {
    let ValueKind::Array(items) = &value.kind else {
        reader.error(value, format!("Exports should be an array, got {}", go_type(value)));
        return Vec::new();
    };
    items.iter().filter_map(|item| read_export(reader, item)).collect()
}

fn read_export(reader: &mut Reader, item: &Value) -> Option<ExportOptions> {
    let ValueKind::Table(table) = &item.kind else {
        reader.error(item, format!("Export Items should be a map with type entry, got {}", go_type(item)));
        return None;
    };
    let mut keys = ExportKeys::default();
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "stream" => read_subject(reader, value, "stream", ("service", keys.service), &mut keys.stream),
            "service" => read_subject(reader, value, "service", ("stream", keys.stream), &mut keys.service),
            "response" | "response_type" => read_response(reader, value, &mut keys.response),
            "threshold" | "response_threshold" | "response_max_time" | "response_time" => {
                read_threshold(reader, value, &mut keys.threshold);
            }
            "accounts" => {
                let names = reader.array(value).unwrap_or_default();
                keys.accounts.extend(names.iter().filter_map(|name| reader.text(name).map(str::to_owned)));
            }
            "latency" => keys.latency = read_latency(reader, value).map(|latency| (value, latency)),
            "account_token_position" => {
                keys.token_position = reader.integer(value).and_then(|number| number.try_into().ok()).unwrap_or(0);
            }
            "allow_trace" => keys.allow_trace = reader.boolean(value).map(|allow| (value, allow)),
            _ => reader.unknown(key, value),
        }
    }
    export_of(reader, keys)
}

fn export_of(reader: &mut Reader, keys: ExportKeys<'_>) -> Option<ExportOptions> {
    let subject = |value: &Value| match &value.kind {
        ValueKind::String(subject) => Some(subject.clone()),
        _ => None,
    };
    if let Some(stream) = keys.stream {
        let misplaced = [
            (keys.response.map(|(value, _)| value), "response"),
            (keys.threshold.map(|(value, _)| value), "response"),
            (keys.latency.as_ref().map(|(value, _)| *value), "latency"),
            (keys.allow_trace.map(|(value, _)| value), "allow_trace"),
        ];
        for (value, directive) in misplaced.into_iter().filter_map(|(value, name)| Some((value?, name))) {
            reader.error(value, format!("Detected {directive} directive on non-service"));
        }
        return Some(ExportOptions {
            kind: ExportKind::Stream,
            subject: subject(stream)?,
            accounts: keys.accounts,
            account_token_position: keys.token_position,
            token_required: false,
            revocations: BTreeMap::new(),
        });
    }
    let kind = ExportKind::Service {
        response: keys.response.map_or(ResponseType::Singleton, |(_, response)| response),
        threshold: keys.threshold.map(|(_, threshold)| threshold).filter(|threshold| !threshold.is_zero()),
        latency: keys.latency.map(|(_, latency)| latency),
        allow_trace: keys.allow_trace.is_some_and(|(_, allow)| allow),
    };
    Some(ExportOptions {
        kind,
        subject: subject(keys.service?)?,
        accounts: keys.accounts,
        account_token_position: keys.token_position,
        token_required: false,
        revocations: BTreeMap::new(),
    })
}

/// Notes the subject of one kind, unless the other kind was seen before.
fn read_subject<'v>(
    reader: &mut Reader,
    value: &'v Value,
    kind: &str,
    (other_kind, other): (&str, Option<&Value>),
    place: &mut Option<&'v Value>,
) {
    if other.is_some() {
        reader.error(value, format!("Detected {kind} {:?} but already saw a {other_kind}", shown(value)));
    } else if matches!(value.kind, ValueKind::String(_)) {
        *place = Some(value);
    } else {
        reader.error(value, format!("Expected {kind} name to be string, got {}", go_type(value)));
    }
}

fn read_response<'v>(reader: &mut Reader, value: &'v Value, response: &mut Option<(&'v Value, ResponseType)>) {
    if response.is_some() {
        return reader.error(value, "Duplicate response type definition");
    }
    let ValueKind::String(text) = &value.kind else {
        return reader.error(value, format!("Expected response type to be string, got {}", go_type(value)));
    };
    let found = match text.to_ascii_lowercase().as_str() {
        "single" | "singleton" => ResponseType::Singleton,
        "stream" => ResponseType::Stream,
        "chunk" | "chunked" => ResponseType::Chunked,
        _ => return reader.error(value, format!("Unknown response type: {text:?}")),
    };
    *response = Some((value, found));
}

fn read_threshold<'v>(reader: &mut Reader, value: &'v Value, place: &mut Option<(&'v Value, std::time::Duration)>) {
    const WANTED: &str = "Expected response threshold to be a parseable time duration";
    if place.is_some() {
        return reader.error(value, "Duplicate response threshold detected");
    }
    let ValueKind::String(text) = &value.kind else {
        return reader.error(value, format!("{WANTED}, got {}", go_type(value)));
    };
    match parse_duration(text) {
        Ok(nanoseconds) => {
            let threshold = std::time::Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
            *place = Some((value, threshold));
        }
        Err(_) => reader.error(value, format!("{WANTED}, got {text:?}")),
    }
}

fn read_latency(reader: &mut Reader, value: &Value) -> Option<LatencyOptions> {
    let table = match &value.kind {
        ValueKind::String(subject) => {
            return Some(LatencyOptions { sampling: Sampling::Percent(100), subject: subject.clone() });
        }
        ValueKind::Table(table) => table,
        _ => {
            let found = go_type(value);
            reader.error(value, format!("Expected latency entry to be a map/struct or string, got {found}"));
            return None;
        }
    };
    let sampling = match table.get("sampling") {
        Some(value) => read_sampling(reader, value)?,
        None => Sampling::Percent(100),
    };
    let Some(subject) = table.get("subject") else {
        reader.error(value, "Latency subject required, but missing");
        return None;
    };
    match &subject.kind {
        ValueKind::String(subject) => Some(LatencyOptions { sampling, subject: subject.clone() }),
        _ => {
            // The type named is the wanted one, as in nats-server.
            reader.error(subject, "Expected latency subject to be a string, got string");
            None
        }
    }
}

fn read_sampling(reader: &mut Reader, value: &Value) -> Option<Sampling> {
    let percent = match &value.kind {
        ValueKind::String(text) if text.trim().eq_ignore_ascii_case("headers") => return Some(Sampling::Headers),
        ValueKind::String(text) => {
            let number = text.strip_suffix('%').unwrap_or(text);
            let Ok(percent) = number.parse::<i64>() else {
                let reason =
                    format!("Failed to parse latency sample: strconv.Atoi: parsing {number:?}: invalid syntax");
                reader.error(value, reason);
                return None;
            };
            percent
        }
        ValueKind::I64(percent) => *percent,
        _ => {
            let found = go_type(value);
            reader.error(value, format!("Expected latency sample to be a string or map/struct, got {found}"));
            return None;
        }
    };
    let percent = u8::try_from(percent).ok().filter(|percent| (1..=100).contains(percent));
    if percent.is_none() {
        reader.error(value, "bad sampling percentage, should be 1-100");
    }
    percent.map(Sampling::Percent)
}

/// Reads the imports of an account.
pub(super) fn read_imports(reader: &mut Reader, value: &Value) -> Vec<ImportOptions> {
    let ValueKind::Array(items) = &value.kind else {
        reader.error(value, format!("Imports should be an array, got {}", go_type(value)));
        return Vec::new();
    };
    let mut imports: Vec<ImportOptions> = Vec::new();
    for item in items {
        let Some(import) = read_import(reader, item) else { continue };
        match same_service(&imports, &import) {
            Some(same) => {
                let (account, subject) = (&same.account, &same.subject);
                let to = local_subject(&import).unwrap_or_default();
                let reason = format!(
                    "Duplicate service import subject {to:?}, previously used in import for account {account:?}, subject {subject:?}"
                );
                reader.error(item, reason);
            }
            None => imports.push(import),
        }
    }
    imports
}

fn local_subject(import: &ImportOptions) -> Option<&str> {
    match &import.kind {
        ImportKind::Service { to, .. } => Some(to),
        ImportKind::Stream { .. } => None,
    }
}

fn same_service<'i>(imports: &'i [ImportOptions], import: &ImportOptions) -> Option<&'i ImportOptions> {
    let to = local_subject(import)?;
    imports.iter().find(|other| other.account == import.account && local_subject(other) == Some(to))
}

fn read_import(reader: &mut Reader, item: &Value) -> Option<ImportOptions> {
    let ValueKind::Table(table) = &item.kind else {
        reader.error(item, format!("Import Items should be a map with type entry, got {}", go_type(item)));
        return None;
    };
    let (mut stream, mut service) = (None, None);
    let (mut prefix, mut to, mut share, mut trace) = (None, None, false, None);
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "stream" if service.is_some() => reader.error(value, "Detected stream but already saw a service"),
            "stream" => stream = read_source(reader, value, "Stream"),
            "service" if stream.is_some() => reader.error(value, "Detected service but already saw a stream"),
            "service" => service = read_source(reader, value, "Service"),
            "prefix" => prefix = reader.text(value).map(|text| (value, text.to_owned())),
            "to" => to = reader.text(value).map(|text| (value, text.to_owned())),
            "share" => share = reader.boolean(value).unwrap_or(false),
            "allow_trace" => trace = reader.boolean(value).map(|allow| (value, allow)),
            _ => reader.unknown(key, value),
        }
    }
    if let Some((account, subject)) = stream {
        if let (Some(_), Some((place, _))) = (&prefix, &to) {
            reader.error(place, "Stream import can not have a 'prefix' and a 'to' property");
        }
        let kind = ImportKind::Stream {
            prefix: prefix.map(|(_, text)| text),
            to: to.map(|(_, text)| text),
            allow_trace: trace.is_some_and(|(_, allow)| allow),
        };
        return Some(ImportOptions { kind, account, subject, token: None });
    }
    let (account, subject) = service?;
    if let Some((place, _)) = trace {
        reader.error(place, "Detected allow_trace directive on a non-stream");
    }
    let to = to.map(|(_, text)| text).filter(|text| !text.is_empty()).unwrap_or_else(|| subject.clone());
    Some(ImportOptions { kind: ImportKind::Service { to, share }, account, subject, token: None })
}

/// Reads the account and the subject an import is from.
fn read_source(reader: &mut Reader, value: &Value, kind: &str) -> Option<(String, String)> {
    let ValueKind::Table(table) = &value.kind else {
        reader.error(value, format!("{kind} entry should be an account map, got {}", go_type(value)));
        return None;
    };
    let (account, subject) = source_of(reader, table);
    if account.is_empty() || subject.is_empty() {
        reader.error(value, "Expect an account name and a subject");
        return None;
    }
    Some((account, subject))
}

fn source_of(reader: &mut Reader, table: &Map<String, Value>) -> (String, String) {
    let (mut account, mut subject) = (String::new(), String::new());
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "account" => account = reader.text(value).unwrap_or_default().to_owned(),
            "subject" => subject = reader.text(value).unwrap_or_default().to_owned(),
            _ => reader.unknown(key, value),
        }
    }
    (account, subject)
}
