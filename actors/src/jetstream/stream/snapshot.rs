//! Copies of the stream on their way to clients, in parts that are acknowledged.

use std::sync::Arc;

use troupe_codecs::api::advisory::{SnapshotComplete, SnapshotCreate};
use troupe_codecs::api::json::encode;
use troupe_codecs::api::request::StreamSnapshotRequest;
use troupe_codecs::api::response::{Response, SnapshotStarted};
use troupe_codecs::api::{ApiError, MILLISECOND, SECOND, StreamConfig, Timestamp, errors};
use troupe_codecs::header;
use troupe_engine::id::nuid;
use troupe_engine::options::friendly_bytes;
use troupe_engine::stream::config::is_valid_subject;
use troupe_engine::stream::feeder::Request;
use troupe_store::{BackupWriter, StoreError};

use super::core::{StreamCore, TAG_SNAPSHOT};
use crate::jetstream::api::ApiRequest;
use crate::jetstream::consumer::Consumers;
use crate::jetstream::{advisory, clock};
use crate::router::{InboxMessage, Subscription};

/// Size of the parts, where the request does not say.
const CHUNK: i64 = 128 * 1024;
/// Bytes on the way, where the request does not say.
const WINDOW: i64 = 8 * 1024 * 1024;
const SMALLEST: i64 = 1024;
const LARGEST_CHUNK: i64 = 1024 * 1024;
const LARGEST_WINDOW: i64 = 32 * 1024 * 1024;
/// How long to wait for somebody to listen.
const LISTENER_PATIENCE: i64 = 2 * SECOND;
/// How long to wait for an acknowledgement.
const ACK_PATIENCE: i64 = 5 * SECOND;
/// Bytes sent before the stream does other things.
const TURN: usize = 1024 * 1024;
/// Time between two turns.
const PAUSE: i64 = MILLISECOND;
/// Copies of one stream at a time: each has its part of the archive in memory.
const MOST: usize = 16;

/// A copy that is being sent.
struct Snapshot {
    id: String,
    request: ApiRequest,
    deliver: String,
    writer: BackupWriter,
    chunk: usize,
    /// Parts that may be sent before one is acknowledged.
    credit: usize,
    /// Number of the next part.
    index: u64,
    /// Acknowledgements reach us.
    has_begun: bool,
    /// Somebody listened.
    was_heard: bool,
    started: i64,
    /// Bytes of the stream at its start.
    bytes: u64,
    /// When something happened last.
    active: i64,
    subscription: Arc<Subscription>,
}

/// Copies that are being sent.
#[derive(Default)]
pub(super) struct Snapshots(Vec<Snapshot>);

impl Snapshots {
    /// When a copy goes on, or is given up.
    pub(super) fn deadline(&self) -> Option<i64> {
        let due = |snapshot: &Snapshot| {
            if snapshot.has_begun && (snapshot.credit > 0 || !snapshot.was_heard) {
                snapshot.active.saturating_add(PAUSE)
            } else {
                snapshot.active.saturating_add(ACK_PATIENCE)
            }
        };
        self.0.iter().map(due).min()
    }
}

/// How a copy ends.
enum End {
    Complete,
    /// The code and the text of the status the client gets, and what others are told.
    Failed(u16, String, String),
}

impl End {
    /// The stream cannot be read.
    fn broken(cause: String) -> Self {
        Self::Failed(500, cause.clone(), cause)
    }

    /// The client is not there, or not any more.
    fn unanswered(text: &str, cause: &str) -> Self {
        Self::Failed(408, text.to_owned(), cause.to_owned())
    }
}

impl StreamCore {
    /// Begins to send a copy of the stream, with its consumers.
    pub(super) fn answer_snapshot(&mut self, request: &ApiRequest, consumers: &Consumers) {
        let begun = self.begin_snapshot(request, consumers);
        if begun.is_ok() {
            let (name, state) = (self.entry.name().to_string(), self.state(consumers.num_archived()));
            tracing::info!("Starting snapshot for stream '{} > {name}'", self.account.name());
            advisory::publish(
                &self.local,
                self.account.view(),
                &format!("STREAM.SNAPSHOT_CREATE.{name}"),
                "snapshot_create",
                || SnapshotCreate {
                    stream: name.clone(),
                    state: Some(state),
                    client: Some(request.client_info()),
                    domain: self.server.domain().to_owned(),
                },
            );
        }
        match begun {
            Ok(body) => request.succeed(&self.local, &Response::new("stream_snapshot_response", body)),
            Err(error) => {
                request.answer::<SnapshotStarted>(&self.local, "stream_snapshot_response", Err(error));
            }
        }
    }

    fn begin_snapshot(&mut self, request: &ApiRequest, consumers: &Consumers) -> Result<SnapshotStarted, ApiError> {
        let asked = request.decode::<StreamSnapshotRequest>()?;
        if !is_valid_subject(&asked.deliver_subject) || asked.deliver_subject.contains(['*', '>']) {
            return Err(errors::SNAPSHOT_DELIVER_SUBJECT_INVALID.error());
        }
        if self.snapshots.0.len() >= MOST {
            return Err(errors::STREAM_SNAPSHOT.with("too many snapshots of the stream at a time"));
        }
        let chunk = if asked.chunk_size == 0 { CHUNK } else { asked.chunk_size }.clamp(SMALLEST, LARGEST_CHUNK);
        let window = if asked.window_size == 0 { WINDOW } else { asked.window_size };
        let window = window.clamp(SMALLEST, LARGEST_WINDOW).max(chunk);
        let now = clock::now();
        let archived = if asked.no_consumers { Vec::new() } else { consumers.archive() };
        let state = self.state(archived.len());
        let (bytes, state) = (state.bytes, encode(&state));
        let failed = |cause: StoreError| errors::STREAM_SNAPSHOT.with(cause);
        let writer = BackupWriter::begin(&*self.store, &state, &archived, now).map_err(failed)?;
        let id = nuid();
        let acks = format!("$JS.SNAPSHOT.ACK.{}.{id}", self.entry.name());
        let inbox = self.entry.inbox();
        let subscription =
            Arc::new(Subscription::inside(Arc::clone(inbox), format!("{acks}.>").as_bytes(), b"", TAG_SNAPSHOT));
        if let Some(ticket) = self.change_subscriptions(vec![Arc::clone(&subscription)], Vec::new()) {
            // What arrives there first shows that acknowledgements will arrive, too.
            let subject = format!("{acks}.0.0");
            self.requests.push((ticket, Request { subject, headers: Vec::new(), body: Vec::new() }, String::new()));
        }
        self.snapshots.0.push(Snapshot {
            id,
            request: request.clone(),
            deliver: asked.deliver_subject,
            writer,
            chunk: chunk as usize,
            credit: (window / chunk) as usize,
            index: 1,
            has_begun: false,
            was_heard: false,
            started: now,
            bytes,
            active: now,
            subscription,
        });
        let config = Some(StreamConfig::clone(&self.config));
        Ok(SnapshotStarted { config, state: Some(self.state(consumers.num_archived())) })
    }

    /// Takes an acknowledgement of a part.
    pub(super) fn snapshot_acknowledged(&mut self, message: &InboxMessage, now: i64) {
        let subject = String::from_utf8_lossy(message.subject());
        let Some(id) = subject.split('.').nth(4) else { return };
        let Some(snapshot) = self.snapshots.0.iter_mut().find(|snapshot| snapshot.id == id) else { return };
        snapshot.active = now;
        if std::mem::replace(&mut snapshot.has_begun, true) {
            snapshot.credit += 1;
        }
    }

    /// Goes on with copies.
    pub(super) fn send_snapshots(&mut self, now: i64) {
        for at in (0..self.snapshots.0.len()).rev() {
            let mut snapshot = self.snapshots.0.swap_remove(at);
            match self.send_parts(&mut snapshot, now) {
                None => self.snapshots.0.push(snapshot),
                Some(end) => self.end_snapshot(snapshot, end),
            }
        }
    }

    /// Sends what may be sent now; how the copy ends, if it does.
    fn send_parts(&mut self, snapshot: &mut Snapshot, now: i64) -> Option<End> {
        let is_heard = self.account.view().has_interest(snapshot.deliver.as_bytes());
        if snapshot.was_heard && !is_heard {
            return Some(End::unanswered("No Interest", "no interest"));
        }
        // Nobody there may also mean that nobody will be: the parts are sent all the same then.
        snapshot.was_heard |= is_heard;
        if !snapshot.was_heard && now - snapshot.started < LISTENER_PATIENCE {
            snapshot.active = now;
            return None;
        }
        if !snapshot.has_begun || snapshot.credit == 0 {
            let is_stalled = now - snapshot.active >= ACK_PATIENCE;
            return is_stalled.then(|| End::unanswered("No Flow Response", "no flow response"));
        }
        let mut sent = 0;
        while snapshot.credit > 0 && sent < TURN {
            let part = match snapshot.writer.next_piece(&mut *self.store, snapshot.chunk) {
                Ok(piece) => piece.unwrap_or_default(),
                Err(cause) => return Some(End::broken(cause.to_string())),
            };
            // Only the last is smaller, or none where the one before was the last.
            let (size, is_last) = (part.len(), part.len() < snapshot.chunk);
            let ack = match is_last {
                true => String::new(),
                false => format!("$JS.SNAPSHOT.ACK.{}.{}.{size}.{}", self.entry.name(), snapshot.id, snapshot.index),
            };
            if size > 0 {
                self.send_message(snapshot.deliver.as_bytes(), ack.as_bytes(), b"", &part);
            }
            if is_last {
                return Some(End::Complete);
            }
            sent += size;
            snapshot.index += 1;
            snapshot.credit -= 1;
            snapshot.active = now;
        }
        None
    }

    fn end_snapshot(&mut self, snapshot: Snapshot, end: End) {
        let (headers, error) = match end {
            End::Complete if snapshot.index > 1 => (header::status(204, ""), String::new()),
            // What fits into one part has no more to say.
            End::Complete => (Vec::new(), String::new()),
            End::Failed(code, text, cause) => (header::status(code, &text), cause),
        };
        self.send_message(snapshot.deliver.as_bytes(), b"", &headers, b"");
        self.change_subscriptions(Vec::new(), vec![snapshot.subscription]);
        let (account, name, size) = (self.account.name(), self.entry.name(), friendly_bytes(snapshot.bytes));
        let time = clock::since(snapshot.started);
        if error.is_empty() {
            tracing::info!("Completed snapshot of {size} for stream '{account} > {name}' in {time:?}");
        } else {
            tracing::warn!("Snapshot for stream '{account} > {name}' failed after {time:?}: {error}");
        }
        let complete = || SnapshotComplete {
            stream: name.to_string(),
            start: Timestamp::from_nanos(snapshot.started),
            end: Timestamp::from_nanos(clock::now()),
            bytes: None,
            client: Some(snapshot.request.client_info()),
            domain: self.server.domain().to_owned(),
            error,
        };
        let subject = format!("STREAM.SNAPSHOT_COMPLETE.{name}");
        advisory::publish(&self.local, self.account.view(), &subject, "snapshot_complete", complete);
    }

    /// Gives up all copies: the stream goes.
    pub(super) fn drop_snapshots(&mut self) {
        for snapshot in std::mem::take(&mut self.snapshots.0) {
            self.end_snapshot(snapshot, End::broken("stream is closed".to_owned()));
        }
    }
}
