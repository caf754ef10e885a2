//! The way of a traced message into another account.

use std::sync::Arc;
use std::time::Instant;

use troupe_codecs::system::header;
use troupe_codecs::system::trace::{DESTINATION, DISABLED};
use troupe_engine::account::ServiceImport;

use super::MessageTrace;
use crate::router::replies::{Request, Response};
use crate::router::rewritten::Rewritten;
use crate::router::{AccountView, Message, Publisher};

/// Other headers of a message; `None` where they stay as they are.
pub(in crate::router) type Content = Option<Rewritten>;

/// What has to be undone once the message has been in the other account.
#[derive(Debug, Default)]
pub(in crate::router) struct Crossing {
    /// The trace, where it ends at the border.
    suspended: Option<Box<MessageTrace>>,
    /// Way back of traces from other servers, and what the destination was, and how many servers the message went to.
    way_back: Option<(Arc<Response>, Vec<u8>, u32)>,
    /// The message itself ends at the border.
    pub(in crate::router) is_stopped: bool,
}

impl Publisher {
    /// Whether the message at hand is traced only.
    pub(in crate::router) fn is_trace_only(&self) -> bool {
        self.trace.as_ref().is_some_and(|trace| trace.is_only)
    }

    /// Notes that a traced message crosses from `asking` into `answering` as `to`. Traces go on there where an `import` is
    /// given.
    pub(in crate::router) fn cross(
        &mut self,
        (asking, answering): (&Arc<AccountView>, &Arc<AccountView>),
        import: Option<&Arc<ServiceImport>>,
        message: &Message<'_>,
        to: &[u8],
        content: &mut Content,
    ) -> Crossing {
        let Some(trace) = &mut self.trace else { return Crossing::default() };
        trace.crossed(answering.name(), message.subject, to);
        let Some(import) = import else {
            if trace.is_only {
                return Crossing { is_stopped: true, ..Crossing::default() };
            }
            set_destination(message, content, DISABLED);
            return Crossing { suspended: self.trace.take(), ..Crossing::default() };
        };
        let request = Request { requester: asking, to: &trace.destination, import, measurement: None, is_trace: true };
        let opened = answering.exchange().replies().open(request, Instant::now());
        let way_back = opened.map(|response| {
            set_destination(message, content, &response.reply);
            let before = std::mem::replace(&mut trace.destination, response.reply.to_vec());
            (response, before, trace.hops())
        });
        Crossing { way_back, ..Crossing::default() }
    }

    /// Undoes what [`Publisher::cross`] did for the time in the other account.
    pub(in crate::router) fn come_back(&mut self, answering: &AccountView, crossing: Crossing) {
        if let Some(trace) = crossing.suspended {
            self.trace = Some(trace);
        }
        if let (Some((response, destination, hops)), Some(trace)) = (crossing.way_back, &mut self.trace) {
            trace.destination = destination;
            // Nobody else traces it.
            if trace.hops() == hops {
                answering.exchange().replies().close(&response.reply);
            }
        }
    }
}

fn set_destination(message: &Message<'_>, content: &mut Content, destination: &[u8]) {
    let headers = content.as_ref().map_or(message.headers(), Rewritten::headers);
    *content = Some(Rewritten::new(message, header::set(headers, DESTINATION, destination)));
}
