//! Which lines are wanted, switchable while the server runs.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use troupe_engine::options::LoggingOptions;

/// Crates whose debug and trace events are logged.
const OWN_TARGETS: &str = "troupe";

/// Which lines are wanted. Debug and trace are independent of each other, as `-D` and `-V` are.
///
/// `tracing` caches the answers: a `trace!` that is off costs one relaxed load. [`LevelSwitches::set`]
/// makes it ask again.
#[derive(Debug, Default)]
pub struct LevelSwitches {
    debug: AtomicBool,
    trace: AtomicBool,
}

impl LevelSwitches {
    /// Takes the switches from the options and makes every event ask again.
    pub fn set(&self, options: &LoggingOptions) {
        self.debug.store(options.debug, Ordering::Relaxed);
        self.trace.store(options.trace, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Whether an event is wanted.
    #[must_use]
    pub fn wants(&self, metadata: &Metadata<'_>) -> bool {
        match *metadata.level() {
            Level::ERROR | Level::WARN => true,
            level => metadata.target().starts_with(OWN_TARGETS) && self.wants_level(level),
        }
    }

    /// The finest level that may be wanted.
    #[must_use]
    pub fn max_level(&self) -> LevelFilter {
        if self.trace.load(Ordering::Relaxed) {
            return LevelFilter::TRACE;
        }
        if self.debug.load(Ordering::Relaxed) { LevelFilter::DEBUG } else { LevelFilter::INFO }
    }

    fn wants_level(&self, level: Level) -> bool {
        match level {
            Level::TRACE => self.trace.load(Ordering::Relaxed),
            Level::DEBUG => self.debug.load(Ordering::Relaxed),
            _ => true,
        }
    }
}
