//! What other threads know of a client connection.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use troupe_codecs::report::Timestamp;
use troupe_codecs::system::ClientInfo;
use troupe_engine::auth::{CompiledPermissions, DeliveryFilter, ResponseTracker};

use crate::connection::reader::Closed;
use crate::connection::writer::{WriteLimit, WriterEnd, write_all};
use crate::connection::{
    CloseReason, CloseSignal, ConnectionStatus, Outbound, OutboundBatch, PushOutcome, TrafficCounters, Way,
};
use crate::net::RemoteAddress;

/// The shared side of a client connection: where its messages go, and what is checked before.
#[derive(Debug)]
pub struct ClientSink {
    cid: u64,
    is_route: bool,
    remote: RemoteAddress,
    outbound: Outbound,
    close: CloseSignal,
    traffic: TrafficCounters,
    /// Open subscriptions.
    num_subscriptions: AtomicU32,
    takes_headers: AtomicBool,
    drops_when_slow: AtomicBool,
    identity: ArcSwapOption<String>,
    /// What it may do; nothing is everything.
    rights: ArcSwapOption<CompiledPermissions>,
    /// What it said of itself, and when.
    status: OnceLock<Arc<ConnectionStatus>>,
    /// Subjects denied at delivery.
    filter: ArcSwapOption<DeliveryFilter>,
    has_responses: AtomicBool,
    /// Reply subjects the client may answer to; there when `allow_responses` is on.
    responses: Mutex<Option<Box<ResponseTracker>>>,
    /// Where each arbiter's publisher keeps the batch for this sink, valid during one batch.
    batch_places: Box<[AtomicU32]>,
}

impl ClientSink {
    /// A sink that writes to `outbound`, in a server with `num_arbiters` publishers.
    #[must_use]
    pub fn new(cid: u64, remote: RemoteAddress, outbound: Outbound, num_arbiters: usize) -> Self {
        Self {
            cid,
            is_route: false,
            remote,
            outbound,
            close: CloseSignal::default(),
            traffic: TrafficCounters::default(),
            num_subscriptions: AtomicU32::new(0),
            takes_headers: AtomicBool::new(false),
            drops_when_slow: AtomicBool::new(false),
            identity: ArcSwapOption::empty(),
            rights: ArcSwapOption::empty(),
            status: OnceLock::new(),
            filter: ArcSwapOption::empty(),
            has_responses: AtomicBool::new(false),
            responses: Mutex::new(None),
            batch_places: (0..num_arbiters).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// The same for a connection to another server of the cluster.
    #[must_use]
    pub fn route(rid: u64, remote: RemoteAddress, outbound: Outbound, num_arbiters: usize) -> Self {
        Self { is_route: true, ..Self::new(rid, remote, outbound, num_arbiters) }
    }

    /// Connection id.
    #[must_use]
    #[inline]
    pub fn cid(&self) -> u64 {
        self.cid
    }

    /// Whether it leads to another server of the cluster.
    #[must_use]
    #[inline]
    pub fn is_route(&self) -> bool {
        self.is_route
    }

    /// Address of the client.
    #[must_use]
    pub fn remote(&self) -> RemoteAddress {
        self.remote
    }

    /// The bytes waiting for the client.
    #[must_use]
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Messages and bytes.
    #[must_use]
    pub fn traffic(&self) -> &TrafficCounters {
        &self.traffic
    }

    /// Notes what it may do.
    pub fn set_rights(&self, rights: Option<Arc<CompiledPermissions>>) {
        self.rights.store(rights);
    }

    /// What it may do; `None` is everything.
    #[must_use]
    pub fn rights(&self) -> Option<Arc<CompiledPermissions>> {
        self.rights.load_full()
    }

    /// Gives services the facts they may be told of the client. Once.
    pub fn set_status(&self, status: Arc<ConnectionStatus>) {
        self.status.set(status).ok();
    }

    /// Name of the account it is in; empty where it is in none.
    #[must_use]
    pub fn account_name(&self) -> Arc<str> {
        let profile = self.status.get().and_then(|status| status.profile());
        profile.and_then(|profile| profile.account.clone()).unwrap_or_default()
    }

    /// Readable name of its account, and when it must leave.
    #[must_use]
    pub fn account_facts(&self) -> (String, Option<SystemTime>) {
        let profile = self.status.get().and_then(|status| status.profile());
        profile.map(|profile| (profile.account_name().to_owned(), profile.expires)).unwrap_or_default()
    }

    /// Name the client gave itself.
    #[must_use]
    pub fn client_name(&self) -> String {
        let profile = self.status.get().and_then(|status| status.profile());
        profile.map(|profile| profile.name.to_string()).unwrap_or_default()
    }

    /// The client of `account` as a service sees it: its round trip time, and where it `is_detailed` who it is.
    #[must_use]
    pub fn client_info(&self, account: &str, is_detailed: bool) -> ClientInfo {
        let mut info = ClientInfo { acc: account.to_owned(), ..ClientInfo::default() };
        let Some(status) = self.status.get() else { return info };
        info.rtt = u64::try_from(status.rtt().as_nanos()).unwrap_or(u64::MAX);
        if !is_detailed {
            return info;
        }
        info.start = Timestamp(status.start()).to_string();
        info.host = self.remote.ip().map(|ip| ip.to_string()).unwrap_or_default();
        info.id = self.cid;
        if let Some(profile) = status.profile() {
            info.name = profile.name.to_string();
            info.user = profile.user.as_deref().unwrap_or_default().to_owned();
            info.lang = profile.lang.to_string();
            info.ver = profile.version.to_string();
            info.issuer_key = profile.issuer_key.as_deref().unwrap_or_default().to_owned();
            if let Some(token) = &profile.token {
                info.jwt.clone_from(&token.text);
                info.name_tag.clone_from(&token.name);
                info.tags.clone_from(&token.tags);
            }
        }
        info.kind = "Client".to_owned();
        info.client_type = "nats".to_owned();
        info
    }

    /// Open subscriptions.
    #[must_use]
    pub fn num_subscriptions(&self) -> u32 {
        self.num_subscriptions.load(Ordering::Relaxed)
    }

    /// Counts subscriptions in.
    pub fn count_subscriptions(&self, count: u32) {
        self.num_subscriptions.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts subscriptions out.
    pub fn remove_subscriptions(&self, count: u32) {
        self.num_subscriptions.fetch_sub(count, Ordering::Relaxed);
    }

    /// Whether the client takes headers.
    #[must_use]
    #[inline]
    pub fn takes_headers(&self) -> bool {
        self.takes_headers.load(Ordering::Relaxed)
    }

    /// Sets whether the client takes headers.
    pub fn set_takes_headers(&self, value: bool) {
        self.takes_headers.store(value, Ordering::Relaxed);
    }

    /// Sets the subjects denied at delivery.
    pub fn set_filter(&self, filter: Option<Arc<DeliveryFilter>>) {
        self.filter.store(filter);
    }

    /// Whether a message on `subject` must not be delivered.
    #[must_use]
    pub fn denies(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.filter.load().as_ref().is_some_and(|filter| filter.denies(subject, queue))
    }

    /// Sets which replies the client may send, where it may.
    pub fn set_responses(&self, responses: Option<ResponseTracker>) {
        self.has_responses.store(responses.is_some(), Ordering::Relaxed);
        *self.responses.lock() = responses.map(Box::new);
    }

    /// Whether reply subjects of delivered messages are noted.
    #[must_use]
    pub fn notes_replies(&self) -> bool {
        self.has_responses.load(Ordering::Relaxed)
    }

    /// Notes the reply subject of a delivered message, where the client needs a right to answer.
    #[inline]
    pub fn note_reply(&self, reply: &[u8]) {
        if self.has_responses.load(Ordering::Relaxed)
            && let Some(responses) = &mut *self.responses.lock()
        {
            responses.record(reply, Instant::now());
        }
    }

    /// Whether the client may publish to `subject` because it was the reply subject of a message it got; uses the right up.
    pub fn use_reply_right(&self, subject: &[u8], now: Instant) -> bool {
        self.has_responses.load(Ordering::Relaxed)
            && self.responses.lock().as_mut().is_some_and(|responses| responses.use_right(subject, now))
    }

    /// Makes messages to it be dropped, instead of stalling their publishers, while it is slow.
    pub fn set_drops_when_slow(&self, value: bool) {
        self.drops_when_slow.store(value, Ordering::Relaxed);
    }

    /// Whether messages are dropped while it is slow, so that publishers need not wait for it.
    #[must_use]
    pub fn drops_when_slow(&self) -> bool {
        self.drops_when_slow.load(Ordering::Relaxed)
    }

    /// Whether a message must be dropped because the client is slow: over three quarters of its limit.
    #[must_use]
    #[inline]
    pub fn is_dropping(&self) -> bool {
        self.drops_when_slow() && self.outbound.pending() > self.outbound.max_pending() / 4 * 3
    }

    /// How log lines name the connection.
    #[must_use]
    pub fn label(&self) -> Label<'_> {
        Label(self)
    }

    /// Sets what log lines show of the client behind its address: version, language, name, account, user.
    pub fn set_identity(&self, identity: String) {
        self.identity.store(Some(Arc::new(identity)));
    }

    /// Whether [`ClientSink::set_identity`] was called.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        self.identity.load().is_some()
    }

    /// Place of the publisher of arbiter `arbiter`.
    #[inline]
    pub(super) fn batch_place(&self, arbiter: usize) -> &AtomicU32 {
        &self.batch_places[arbiter]
    }

    /// Ends the connection from any thread, without a flush; its actor cleans up. The first reason stays.
    pub fn close(&self, reason: CloseReason) {
        if self.close.set(reason) {
            self.outbound.drop_now();
        }
    }

    /// Ends the connection after what is queued has been written.
    pub fn close_after_flush(&self, reason: CloseReason) {
        if self.close.set(reason) {
            self.outbound.finish();
        }
    }

    /// Why the connection ended, once it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close.reason()
    }

    /// Writes what is pending until the connection is closed; closes it where that fails or takes longer than the limit.
    pub async fn write_all(&self, limit: WriteLimit) {
        let deadline = limit.deadline;
        match write_all(&self.outbound, limit).await {
            WriterEnd::Done => {}
            WriterEnd::Failed(cause) => {
                tracing::debug!(conn = %self.label(), "Error flushing: {cause}");
                self.close(CloseReason::WriteError);
            }
            // A connection that was closed for another reason is not judged once more.
            WriterEnd::Deadline { .. } if self.close_reason().is_some() => {}
            WriterEnd::Deadline { chunks, bytes } => {
                tracing::info!(
                    conn = %self.label(),
                    "Slow Consumer Detected: WriteDeadline of {deadline:?} exceeded with {chunks} chunks of {bytes} total bytes."
                );
                self.close(CloseReason::SlowConsumerWriteDeadline);
            }
        }
    }

    /// Sends bytes outside of a batch.
    pub fn send(&self, bytes: Vec<u8>) {
        self.push(&mut OutboundBatch { chunks: Vec::new(), current: bytes }, Way::Direct);
    }

    /// Hands over a batch of messages.
    pub fn push(&self, batch: &mut OutboundBatch, way: Way) -> PushOutcome {
        let outcome = self.outbound.push(batch, way);
        let fault = match outcome {
            PushOutcome::Accepted(_) | PushOutcome::Closed => return outcome,
            PushOutcome::SlowConsumer => CloseReason::SlowConsumerPendingBytes,
            PushOutcome::Failed => CloseReason::WriteError,
        };
        self.close.set(fault);
        self.outbound.drop_now();
        outcome
    }
}

impl Closed for ClientSink {
    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.close.poll_closed(cx).map(|_| ())
    }
}

/// A connection's name in log lines: `127.0.0.1:5000 - cid:5 - "v1.2:go:name" - "account/user"`.
#[derive(Debug)]
pub struct Label<'a>(&'a ClientSink);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id_name = if self.0.is_route { "rid" } else { "cid" };
        write!(f, "{} - {id_name}:{}", self.0.remote, self.0.cid)?;
        match &*self.0.identity.load() {
            Some(identity) => write!(f, " - {identity}"),
            None => Ok(()),
        }
    }
}
