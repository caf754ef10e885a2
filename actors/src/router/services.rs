//! Service imports: requests that cross into the exporting account, and replies that come back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use troupe_codecs::system::{ClientInfo, header};

use super::exchange::ServiceLink;
use super::latency::{self, Measurement};
use super::publish::View;
use super::replies::{Request, Response};
use super::rewritten::Rewritten;
use super::subscription::Receiver;
use super::trace::Audience;
use super::{AccountView, Message, Origin, Publisher};

/// Header that tells a service who asks.
const REQUEST_INFO: &str = "Nats-Request-Info";
/// Replies that are acknowledgements of a stream: the stream knows its own.
const ACK: &[u8] = b"$JS.ACK.";

impl Publisher {
    /// Follows a message into the accounts it was sent on to; yields how many of the ways led to somebody.
    #[cold]
    pub(super) fn follow_hops(&mut self, origin: Origin<'_>, message: &Message<'_>) -> usize {
        let hops = std::mem::take(&mut self.hops);
        let outer = self.view.take();
        let mut num_delivered = 0;
        for hop in hops {
            let is_delivered = match hop.receiver() {
                Receiver::Service(link) => self.ask(link, origin, message),
                Receiver::Replies(account) => self.answer(account, origin, message),
                _ => false,
            };
            num_delivered += usize::from(is_delivered);
        }
        // A row of the other account would take the next message of this one for its own.
        self.close_row();
        self.view = outer;
        num_delivered
    }

    /// Sends a request on to the exporting account.
    fn ask(&mut self, link: &Arc<ServiceLink>, origin: Origin<'_>, message: &Message<'_>) -> bool {
        // Requests of other servers have crossed over where they were made.
        if origin.is_route() {
            return false;
        }
        let export = link.import.export.as_ref();
        if export.is_some_and(|export| self.chain.iter().any(|other| Arc::ptr_eq(other, export))) {
            return false;
        }
        let headers = message.headers();
        let measurement = latency::chosen(link, origin.sink, headers);
        let response = if message.reply.is_empty() || message.reply.starts_with(ACK) {
            if let Some(measurement) = measurement.filter(|_| message.reply.is_empty()) {
                self.publish_metric(&link.exporter, measurement.bad_request());
            }
            None
        } else {
            match self.open(&link.exporter, &link.importer, &link.import, message.reply, measurement) {
                Some(response) => Some(response),
                None => return false,
            }
        };
        let reply = response.as_ref().map_or(message.reply, |response| &response.reply);
        let target = link.import.target(message.subject);
        let target = mapped(&link.exporter, target);
        let mut content = self.with_request_info(link, origin, message);
        let sides = (&link.importer, &link.exporter);
        let traced = export.filter(|export| export.allow_trace).map(|_| &link.import);
        let crossing = self.cross(sides, traced, message, &target, &mut content);
        let is_trace_only = self.is_trace_only();
        let depth = self.chain.len();
        self.chain.extend(export.cloned());
        let is_delivered =
            !crossing.is_stopped && self.publish_across(&link.exporter, origin, message, (&target, reply), content);
        self.chain.truncate(depth);
        self.come_back(&link.exporter, crossing);
        if let Some(response) = response.filter(|_| !is_delivered || is_trace_only)
            && link.exporter.exchange().replies().close(&response.reply)
            && let Some(measurement) = &response.measurement
        {
            self.publish_metric(&link.exporter, measurement.no_service());
        }
        is_delivered
    }

    /// Sends a reply back to the requester's account.
    fn answer(&mut self, account: &Arc<AccountView>, origin: Origin<'_>, message: &Message<'_>) -> bool {
        let replies = account.exchange().replies();
        let Some(response) = replies.get(message.subject) else { return false };
        if let Some(measurement) = response.measurement.as_ref().and_then(|measurement| measurement.taken()) {
            let metric = match origin.is_route() {
                true => account.exchange().halves().meet(message.subject, measurement.half(), Instant::now()),
                false => Some(measurement.done(origin.sink)),
            };
            if let Some(metric) = metric {
                self.publish_metric(account, metric);
            }
        }
        let back = if message.reply.is_empty() || message.reply.starts_with(ACK) {
            None
        } else {
            self.open(&response.requester, account, &response.import, message.reply, None)
        };
        let reply = back.as_ref().map_or(message.reply, |back| &back.reply);
        let target = mapped(&response.requester, Cow::Borrowed(&response.to));
        let mut content = None;
        let crossing = self.cross((account, &response.requester), None, message, &target, &mut content);
        let is_delivered = !crossing.is_stopped
            && self.publish_across(&response.requester, origin, message, (&target, reply), content);
        self.come_back(&response.requester, crossing);
        if let Some(back) = back.filter(|_| !is_delivered) {
            response.requester.exchange().replies().close(&back.reply);
        }
        if !is_delivered || response.is_single() || message.is_empty() {
            replies.close(&response.reply);
        } else {
            response.touch(Instant::now());
        }
        is_delivered
    }

    /// Waits for a reply in `answering` to be led back to `asking`.
    fn open(
        &self,
        answering: &Arc<AccountView>,
        asking: &Arc<AccountView>,
        import: &Arc<troupe_engine::account::ServiceImport>,
        to: &[u8],
        measurement: Option<Box<Measurement>>,
    ) -> Option<Arc<Response>> {
        let request = Request { requester: asking, to, import, measurement, is_trace: false };
        answering.exchange().replies().open(request, Instant::now())
    }

    /// Publishes a message of one account in another one.
    fn publish_across(
        &mut self,
        account: &Arc<AccountView>,
        origin: Origin<'_>,
        message: &Message<'_>,
        (subject, reply): (&[u8], &[u8]),
        content: Option<Rewritten>,
    ) -> bool {
        self.view = Some(View::of(account));
        let origin = Origin { account, no_responders: false, ..origin };
        let is_reply_kept = reply == message.reply;
        let Some(content) = content else {
            let verbatim_tail = message.verbatim_tail.filter(|_| is_reply_kept);
            let message = Message { subject, reply, verbatim_tail, is_imported: true, ..*message };
            return self.publish_inside(origin, &message) > 0;
        };
        let message = Message { subject, shown_subject: None, reply, is_imported: true, ..content.of(message) };
        self.publish_inside(origin, &message) > 0
    }

    fn publish_inside(&mut self, origin: Origin<'_>, message: &Message<'_>) -> usize {
        if self.trace.is_some() {
            return self.deliver_traced(origin, message, Audience::Everybody);
        }
        self.publish(origin, message)
    }

    /// The message with a header that says who asks. `None` where nobody can be named.
    fn with_request_info(&self, link: &ServiceLink, origin: Origin<'_>, message: &Message<'_>) -> Option<Rewritten> {
        let sink = origin.sink?;
        let headers = message.headers();
        let is_system = link.names.system_account.as_deref() == Some(&**link.exporter.name());
        let earlier = if self.chain.is_empty() { None } else { header::get(headers, REQUEST_INFO) };
        let mut info = match earlier.and_then(ClientInfo::parse) {
            Some(earlier) => ClientInfo { svc: link.importer.name().to_string(), ..earlier },
            None => sink.client_info(link.importer.name(), link.import.share),
        };
        if link.import.share || is_system {
            info.server.clone_from(&link.names.server);
            info.cluster = link.names.cluster.clone().unwrap_or_default();
        }
        Some(Rewritten::new(message, header::set(headers, REQUEST_INFO, &info.to_json())))
    }

    /// Tells the server that measures a request which is answered here how long that took.
    #[cold]
    pub(super) fn tell_measured(&mut self, origin: Origin<'_>, message: &Message<'_>) {
        let Some(sink) = origin.sink.filter(|sink| !sink.is_route()) else { return };
        let Some(asked) = origin.account.exchange().measured().take(message.subject) else { return };
        let Some(told) = asked.answered((origin.account, message.subject), sink) else { return };
        let outer = self.view.take();
        self.publish_metric(asked.system(), told);
        self.close_row();
        self.view = outer;
    }

    /// Publishes a measurement in the account of the measured service.
    fn publish_metric(&mut self, account: &Arc<AccountView>, (subject, metric): (String, Vec<u8>)) {
        self.view = Some(View::of(account));
        let sizes = metric.len().to_string();
        let message = Message::made(subject.as_bytes(), sizes.as_bytes(), &metric, 0);
        self.publish(Origin { sink: None, account, echo: true, no_responders: false }, &message);
    }
}

/// The subject after the mappings of `account`.
fn mapped<'s>(account: &AccountView, subject: Cow<'s, [u8]>) -> Cow<'s, [u8]> {
    match account.exchange().mapped(&subject) {
        Some(mapped) => Cow::Owned(mapped),
        None => subject,
    }
}
