//! `PROFILEZ`: profiles, which this server does not make.

use serde::{Deserialize, Serialize};
use troupe_codecs::conf::format_duration;

/// Longest measurement of processor time, in nanoseconds.
const MAX_DURATION: i64 = 15_000_000_000;
/// Profiles that nats-server makes.
const KNOWN: [&str; 7] = ["cpu", "allocs", "block", "goroutine", "heap", "mutex", "threadcreate"];

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProfilezOptions {
    name: String,
    /// Nanoseconds.
    duration: i64,
}

/// A profile, or why there is none.
#[derive(Debug, Serialize)]
pub(super) struct Profilez {
    profile: Option<String>,
    error: String,
}

/// Says why there is no profile.
pub(super) fn profilez(options: &ProfilezOptions) -> Profilez {
    let name = &options.name;
    let error = if name.is_empty() {
        "Profile name not specified".to_owned()
    } else if name == "cpu" && !(1..=MAX_DURATION).contains(&options.duration) {
        format!("Duration {} should be between 0s and 15s", format_duration(options.duration))
    } else if KNOWN.contains(&name.as_str()) {
        format!("Profile {name:?} error: profiling is not supported, use perf on the process")
    } else {
        format!("Profile {name:?} not found")
    };
    Profilez { profile: None, error }
}
