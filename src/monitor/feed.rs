//! What happens, once a second: a ring of samples, and events for whoever listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix_web::web::Bytes;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;
use tracing::error;
use troupe_actors::report::eventsz::{ConnectionWatch, RatesByConnection};
use troupe_actors::report::{Reporter, SampleHistory};
use troupe_codecs::report::eventsz::{History, Sample, Tick};
use troupe_codecs::report::table::{ConnectionTable, TableOptions};

use super::assets::DIGEST;
use crate::TROUPE_VERSION;

/// How often a sample is taken.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// Listeners at a time. Each costs a connection and a copy of the ring when it comes.
const MOST_LISTENERS: usize = 64;
/// Events that wait for a listener that does not read. It misses the older ones, which the next totals make up for.
const MOST_WAITING: usize = 16;
/// Samples for which connections are still looked at after somebody asked for their table.
const LOOKS_AFTER_TABLE: u32 = 10;

/// The ring and its listeners. It outlives the actor that calls [`Feed::tick`], so a restart loses no history.
pub(crate) struct Feed {
    reporter: Arc<Reporter>,
    state: Mutex<State>,
    watch: Mutex<ConnectionWatch>,
    rates: ArcSwap<RatesByConnection>,
    looks_wanted: AtomicU32,
}

struct State {
    history: SampleHistory,
    events: broadcast::Sender<Bytes>,
}

/// A place among the listeners.
pub(super) struct Subscription {
    /// What came before, as an event.
    pub(super) first: Bytes,
    /// Everything from then on.
    pub(super) events: broadcast::Receiver<Bytes>,
}

impl Feed {
    /// A feed without samples.
    pub(crate) fn new(reporter: Arc<Reporter>) -> Self {
        let (events, _) = broadcast::channel(MOST_WAITING);
        Self {
            reporter,
            state: Mutex::new(State { history: SampleHistory::default(), events }),
            watch: Mutex::default(),
            rates: ArcSwap::default(),
            looks_wanted: AtomicU32::new(0),
        }
    }

    /// Takes a sample and tells everybody. Called once every [`INTERVAL`], by one thread.
    pub(super) fn tick(&self, now: Instant, clock: SystemTime) {
        let sample = self.reporter.sample(clock);
        self.add(sample);
        let table_is_open =
            self.looks_wanted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        if !table_is_open && self.num_listeners() == 0 {
            // Nobody looks: no connection is.
            if !self.rates.load().is_empty() {
                self.rates.store(Arc::default());
            }
            return;
        }
        let look = self.reporter.look(&mut self.watch.lock(), now, clock);
        self.rates.store(Arc::new(look.rates));
        if !look.changes.is_empty() {
            self.tell(event("connections", &look.changes));
        }
    }

    fn add(&self, sample: Sample) {
        let mut state = self.state.lock();
        let tick = Tick::new(sample, state.history.last());
        state.history.add(sample);
        // Under the lock, so that a new listener finds the sample in the ring or among the events, not in neither.
        if let Some(event) = event("sample", &tick) {
            // Fails when nobody listens.
            let _ = state.events.send(event);
        }
    }

    fn tell(&self, event_opt: Option<Bytes>) {
        if let Some(event) = event_opt {
            let _ = self.state.lock().events.send(event);
        }
    }

    fn num_listeners(&self) -> usize {
        self.state.lock().events.receiver_count()
    }

    /// Listens; `None` when too many do.
    pub(super) fn subscribe(&self) -> Option<Subscription> {
        let (history, events) = {
            let state = self.state.lock();
            if state.events.receiver_count() >= MOST_LISTENERS {
                return None;
            }
            (state.history.clone(), state.events.subscribe())
        };
        let history = History {
            server_id: self.reporter.server_id(),
            version: TROUPE_VERSION,
            page: DIGEST.clone(),
            fields: Sample::FIELDS,
            rows: history.iter().map(Sample::row).collect(),
        };
        Some(Subscription { first: event("history", &history)?, events })
    }

    /// Ends every listener's stream: a server that stops does not wait for them.
    pub(super) fn dismiss_listeners(&self) {
        self.state.lock().events = broadcast::channel(MOST_WAITING).0;
    }

    /// One page of the table of connections. Rates come with the second look after the first question.
    pub(super) fn connection_table(&self, options: &TableOptions) -> ConnectionTable {
        self.looks_wanted.store(LOOKS_AFTER_TABLE, Ordering::Relaxed);
        self.reporter.connection_table(options, &self.rates.load())
    }
}

/// A server-sent event.
fn event(name: &str, document: &impl Serialize) -> Option<Bytes> {
    match serde_json::to_string(document) {
        Ok(json) => Some(Bytes::from(format!("event: {name}\ndata: {json}\n\n"))),
        Err(cause) => {
            error!("Error marshaling event: {cause}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_name_and_one_line_of_data() {
        let tick = Tick::new(Sample { at: 7, ..Sample::default() }, None);
        let event = event("sample", &tick).expect("an event");
        let text = std::str::from_utf8(&event).expect("UTF-8");
        assert!(text.starts_with("event: sample\ndata: {\"at\":7,"), "{text}");
        assert!(text.ends_with("}\n\n") && text.lines().count() == 3, "{text}");
    }
}
