//! What changed of JetStream between two configurations, and whether it can be applied live.

use std::fmt::Debug;

use troupe_codecs::conf::format_duration;

use super::diff::{Change, ChangeScope, ReloadError, refuse};
use super::{JetStreamOptions, SyncInterval};

/// The changes that can be applied live: limits that grow.
///
/// # Errors
/// The first change that cannot.
pub(super) fn jetstream_changes(old: &JetStreamOptions, new: &JetStreamOptions) -> Result<Vec<Change>, ReloadError> {
    refuse("JetStream", old.enabled, new.enabled)?;
    if !old.enabled {
        return Ok(Vec::new());
    }
    if old.store_dir != new.store_dir {
        let what = if new.store_dir.is_none() { "jetstream storage dir" } else { "jetstream storage directory" };
        return Err(ReloadError::JetStream(what));
    }
    let mut changes = Vec::new();
    let limits = [("max_mem_store", old.max_memory, new.max_memory), ("max_file_store", old.max_file, new.max_file)];
    for (name, old, new) in limits {
        if let Some(limit) = grown(old, new)? {
            let line = Some(format!("Reloaded: JetStream {name} = {}", friendly_bytes(limit)));
            changes.push(Change { scope: ChangeScope::JetStream, line });
        }
    }
    rest(old, new)?;
    Ok(changes)
}

/// The new limit, where there is a larger one.
fn grown(old: Option<u64>, new: Option<u64>) -> Result<Option<u64>, ReloadError> {
    match (old, new) {
        (None, Some(_)) => Err(ReloadError::JetStream("jetstream dynamic max memory and store")),
        (Some(_), None) => Err(ReloadError::JetStream("jetstream max memory and max store")),
        (Some(old), Some(new)) if new < old => Err(ReloadError::JetStream("decreasing jetstream max memory and store")),
        (old, new) => Ok(new.filter(|_| old != new)),
    }
}

fn rest(old: &JetStreamOptions, new: &JetStreamOptions) -> Result<(), ReloadError> {
    let interval = |options: &JetStreamOptions| match options.sync {
        SyncInterval::Always => "always".to_owned(),
        SyncInterval::Every(interval) => format_duration(i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX)),
    };
    refuse("SyncInterval", interval(old), interval(new))?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    refuse("JetStreamDomain", text(&old.domain), text(&new.domain))?;
    refuse("JetStreamUniqueTag", text(&old.unique_tag), text(&new.unique_tag))?;
    refuse("NoJetStreamStrict", !old.strict, !new.strict)?;
    refuse("JetStreamCipher", debug(&old.cipher), debug(&new.cipher))?;
    if old.key != new.key || old.previous_key != new.previous_key {
        let [old, new] = ["[redacted]", "[redacted]"].map(str::to_owned);
        return Err(ReloadError::NotSupported { field: "JetStreamKey", old, new });
    }
    let limits = |options: &JetStreamOptions| {
        let JetStreamOptions {
            max_ack_pending, max_request_batch, max_duplicates, default_max_consumers, batches, ..
        } = options;
        debug(&(max_ack_pending, max_request_batch, max_duplicates, default_max_consumers, batches))
    };
    refuse("JetStreamLimits", limits(old), limits(new))
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// A size with a unit, as nats-server writes it.
#[must_use]
pub fn friendly_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut shown = bytes as f64;
    while shown >= 1024.0 && unit + 1 < UNITS.len() {
        shown /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{shown:.2} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the refusal, or the log lines.
    fn outcome(change: impl Fn(&mut JetStreamOptions)) -> String {
        let old = JetStreamOptions { enabled: true, max_file: Some(1 << 30), ..JetStreamOptions::default() };
        let mut new = old.clone();
        change(&mut new);
        match jetstream_changes(&old, &new) {
            Ok(changes) => changes.into_iter().filter_map(|change| change.line).collect::<Vec<_>>().join("; "),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn limits_may_grow_and_nothing_else_may_change() {
        assert_eq!(outcome(|_| ()), "");
        assert_eq!(outcome(|new| new.max_file = Some(1 << 31)), "Reloaded: JetStream max_file_store = 2.00 GB");
        for (change, expected) in [
            (
                &(|new: &mut JetStreamOptions| new.enabled = false) as &dyn Fn(&mut JetStreamOptions),
                "JetStream: old=true",
            ),
            (&|new| new.max_file = Some(5), "decreasing jetstream max memory and store"),
            (&|new| new.max_file = None, "jetstream max memory and max store"),
            (&|new| new.max_memory = Some(5), "jetstream dynamic max memory and store"),
            (&|new| new.store_dir = Some("x".into()), "jetstream storage directory"),
            (&|new| new.domain = Some("D".to_owned()), "JetStreamDomain: old=, new=D"),
            (&|new| new.strict = false, "NoJetStreamStrict: old=false, new=true"),
            (&|new| new.max_ack_pending = 5, "JetStreamLimits: "),
        ] {
            let refusal = outcome(change);
            assert!(refusal.starts_with("config reload not supported for ") && refusal.contains(expected), "{refusal}");
        }
    }
}
