//! Subject mappings and message tracing of accounts.

use config::{Value, ValueKind};
use troupe_codecs::subject::{is_valid_publish, is_valid_subscription};
use troupe_engine::options::TraceOptions;
use troupe_engine::subject::{Destination, Mapping, Mappings};

use super::reader::{Reader, go_type, shown};
use super::report::WarningKind;

/// Reads a `mappings` block.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Mappings {
    let mut mappings = Mappings::default();
    let Some(table) = reader.table(value) else { return mappings };
    for (source, target) in table {
        if !is_valid_subscription(source.as_bytes()) {
            reader.error(value, format!("Subject {source:?} is not a valid subject"));
            continue;
        }
        let (destinations, what) = match &target.kind {
            ValueKind::String(subject) => (vec![Destination::all(subject)], format!("{source:?} to {subject:?}")),
            ValueKind::Array(items) => {
                let destinations = items.iter().filter_map(|item| read_destination(reader, item)).collect();
                (destinations, format!("{source:?}"))
            }
            _ => match read_destination(reader, target) {
                Some(destination) => (vec![destination], format!("{source:?}")),
                None => continue,
            },
        };
        match Mapping::new(source, &destinations) {
            Ok(mapping) => mappings.add(mapping),
            Err(error) => reader.error(target, format!("Error adding mapping for {what} : {error}")),
        }
    }
    mappings
}

fn read_destination(reader: &mut Reader, value: &Value) -> Option<Destination> {
    let ValueKind::Table(table) = &value.kind else {
        reader.error(value, "Expected an entry for the mapping destination");
        return None;
    };
    let mut destination = Destination { subject: String::new(), weight: 0, cluster: None };
    let mut has_weight = false;
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "dest" | "destination" => destination.subject = reader.text(value)?.to_owned(),
            "weight" => {
                destination.weight = read_weight(reader, value)?;
                has_weight = true;
            }
            "cluster" => destination.cluster = Some(reader.text(value)?.to_owned()).filter(|name| !name.is_empty()),
            _ => {
                reader.error(value, format!("Unknown field {key:?} for mapping destination"));
                return None;
            }
        }
    }
    if !has_weight {
        reader.error(value, format!("Missing weight for mapping destination {:?}", destination.subject));
        return None;
    }
    Some(destination)
}

fn read_weight(reader: &mut Reader, value: &Value) -> Option<u8> {
    let weight = match &value.kind {
        ValueKind::I64(weight) => *weight,
        ValueKind::String(text) => {
            let number = text.strip_suffix('%').unwrap_or(text);
            let Ok(weight) = number.parse() else {
                reader.error(value, format!("Invalid weight {number:?} for mapping destination"));
                return None;
            };
            weight
        }
        _ => {
            reader.error(value, format!("Unknown entry type for weight of {}", shown(value)));
            return None;
        }
    };
    let valid = u8::try_from(weight).ok().filter(|weight| *weight <= 100);
    if valid.is_none() {
        reader.error(value, format!("Invalid weight {weight} for mapping destination"));
    }
    valid
}

/// Reads `msg_trace`, given under the name `key`.
pub(super) fn read_trace(reader: &mut Reader, key: &str, value: &Value) -> Option<TraceOptions> {
    let table = match &value.kind {
        ValueKind::String(_) => {
            return Some(TraceOptions { destination: trace_destination(reader, key, value)?, sampling: 100 });
        }
        ValueKind::Table(table) => table,
        _ => {
            let found = go_type(value);
            let reason = format!("Expected account message trace {key:?} to be a string or a map/struct, got {found}");
            reader.error(value, reason);
            return None;
        }
    };
    let (mut destination, mut sampling) = (None, None);
    for (name, value) in table {
        match name.to_ascii_lowercase().as_str() {
            "dest" => destination = Some(trace_destination(reader, name, value)?),
            "sampling" => sampling = Some(trace_sampling(reader, name, value)?),
            _ => {
                let reason = format!("Unknown field {name:?} parsing account message trace map/struct {key:?}");
                reader.unknown_as(value, reason);
            }
        }
    }
    if destination.is_none() && sampling.is_some() {
        let reason = "Trace destination sampling ignored since no destination was set";
        reader.warn(value, reason, WarningKind::Config);
    }
    Some(TraceOptions { destination: destination?, sampling: sampling.unwrap_or(100) })
}

fn trace_destination(reader: &mut Reader, key: &str, value: &Value) -> Option<String> {
    let ValueKind::String(subject) = &value.kind else {
        reader.error(value, format!("Field {key:?} should be a string, got {}", go_type(value)));
        return None;
    };
    if !is_valid_publish(subject.as_bytes()) {
        reader.error(value, format!("Trace destination {subject:?} is not valid"));
        return None;
    }
    Some(subject.clone())
}

fn trace_sampling(reader: &mut Reader, key: &str, value: &Value) -> Option<u8> {
    let sampling = match &value.kind {
        ValueKind::I64(number) => *number,
        ValueKind::String(text) => {
            let Ok(number) = text.strip_suffix('%').unwrap_or(text).parse() else {
                reader.error(value, format!("Invalid trace destination sampling value {text:?}"));
                return None;
            };
            number
        }
        _ => {
            let found = go_type(value);
            let reason =
                format!("Trace destination sampling field {key:?} should be an integer or a percentage, got {found}");
            reader.error(value, reason);
            return None;
        }
    };
    let valid = u8::try_from(sampling).ok().filter(|number| (1..=100).contains(number));
    if valid.is_none() {
        let reason = format!("Ttrace destination sampling value {sampling} is invalid, needs to be [1..100]");
        reader.error(value, reason);
    }
    valid
}
