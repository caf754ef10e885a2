//! `PROFILEZ`: where the time of the process goes, and what lives in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use troupe_codecs::conf::format_duration;
use troupe_codecs::pprof::{Frame, Profile};

use super::SystemServices;
use crate::profile::threads;
use crate::report::Reporter;

/// Longest measurement of processor time, in nanoseconds.
const MAX_DURATION: i64 = 15_000_000_000;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProfilezOptions {
    name: String,
    /// Not 0: as text, where there is one.
    debug: i64,
    /// Nanoseconds.
    duration: i64,
}

/// A profile, or why there is none.
#[derive(Debug, Serialize)]
pub(super) struct Profilez {
    /// In base64.
    profile: Option<String>,
    error: String,
}

/// How many there are of what, told from the kind to what it is part of.
type Census = BTreeMap<Vec<String>, u64>;

impl SystemServices {
    /// Takes a profile.
    pub(super) async fn profilez(&self, asked: &ProfilezOptions) -> Profilez {
        let failed = |cause: std::io::Error| format!("Profile {:?} error: {cause}", asked.name);
        let profile = match asked.name.as_str() {
            "" => Err("Profile name not specified".to_owned()),
            "cpu" => self.cpu_profile(asked.duration).await,
            // What Go has goroutines for are actors here.
            "goroutine" => census("goroutine", &actors(&self.reporter), asked.debug).map_err(failed),
            "threadcreate" => {
                let threads = threads::all().map(|threads| names(threads.into_iter().map(|thread| thread.name)));
                threads.and_then(|threads| census("threadcreate", &threads, asked.debug)).map_err(failed)
            }
            name => Err(refusal(name)),
        };
        match profile {
            Ok(profile) => Profilez { profile: Some(STANDARD.encode(profile)), error: String::new() },
            Err(error) => Profilez { profile: None, error },
        }
    }

    async fn cpu_profile(&self, duration: i64) -> Result<Vec<u8>, String> {
        let nanoseconds = u64::try_from(duration).unwrap_or_default();
        if !(1..=MAX_DURATION).contains(&duration) {
            return Err(format!("Duration {} should be between 0s and 15s", format_duration(duration)));
        }
        let profile = self.cpu_profiler.take(Duration::from_nanos(nanoseconds)).await;
        profile.map_err(|cause| format!("Failed to start CPU profile: {cause}"))
    }
}

/// Why there is no profile of this name.
fn refusal(name: &str) -> String {
    let cause = match name {
        "heap" | "allocs" => "not supported: the allocator does not note who allocates",
        "block" | "mutex" => "not supported: waits are not noted",
        _ => return format!("Profile {name:?} not found"),
    };
    format!("Profile {name:?} error: {cause}")
}

/// Actors that live, connections among them.
fn actors(reporter: &Reporter) -> Census {
    let tree = reporter.actorz();
    let mut census = Census::new();
    let is_alive = |state: &str| !matches!(state, "stopped" | "failed");
    for actor in tree.actors.iter().filter(|actor| is_alive(actor.state)) {
        *census.entry(vec![actor.kind.to_owned(), "actors".to_owned()]).or_default() += 1;
    }
    for group in tree.groups.iter().filter(|group| group.running > 0) {
        census.insert(vec![group.kind.to_owned(), "connections".to_owned()], group.running);
    }
    census
}

fn names(names: impl Iterator<Item = String>) -> Census {
    let mut census = Census::new();
    for name in names {
        *census.entry(vec![name, "threads".to_owned()]).or_default() += 1;
    }
    census
}

/// A census as a profile, or as text.
fn census(name: &'static str, census: &Census, debug: i64) -> std::io::Result<Vec<u8>> {
    if debug != 0 {
        let mut text = format!("{name} profile: total {}\n", census.values().sum::<u64>());
        for (kind, count) in census {
            // Text is written to a string.
            let _ = writeln!(text, "{count} @ {}", kind.join(" "));
        }
        return Ok(text.into_bytes());
    }
    let column = (name, "count");
    let mut profile = Profile::new(&[column]);
    profile.taken(SystemTime::now(), Duration::ZERO);
    profile.period(column, 1);
    for (kind, count) in census {
        let stack: Vec<Frame> = kind.iter().map(|name| Frame::named(name.as_str())).collect();
        profile.sample(&stack, &[*count], &[]);
    }
    profile.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_made_is_refused_by_name() {
        assert_eq!(refusal("nonsense"), "Profile \"nonsense\" not found");
        for name in ["heap", "allocs", "block", "mutex"] {
            assert!(refusal(name).starts_with(&format!("Profile {name:?} error: not supported: ")), "{name}");
        }
    }

    #[test]
    fn a_census_as_text() {
        let threads = names(["b", "a", "b"].map(str::to_owned).into_iter());
        let text = census("threadcreate", &threads, 1).expect("text");
        assert_eq!(text, b"threadcreate profile: total 3\n1 @ a threads\n2 @ b threads\n");
        assert!(census("threadcreate", &threads, 0).expect("packs").starts_with(b"\x1f\x8b"));
    }
}
