//! Messages of other servers that are traced.

use std::sync::Arc;

use bytes::Bytes;
use troupe_codecs::peer::PeerMessage;

use super::PeerActor;
use crate::router::trace::{Audience, TraceSource, TraceStart};
use crate::router::{AccountView, Message, Publisher, Rewritten};

impl PeerActor {
    /// Delivers a message that may be traced. False when it is like any other after all.
    #[cold]
    pub(super) fn deliver_asking(
        &self,
        account: &Arc<AccountView>,
        (message, bytes): (&PeerMessage, &Bytes),
        routed: &Message<'_>,
        publisher: &mut Publisher,
    ) -> bool {
        let options = self.services.options();
        let source = TraceSource {
            kind: self.link.kind(),
            sink: &self.sink,
            name: self.link.name(),
            account,
            is_system: options.system_account_name() == Some(&**account.name()),
        };
        let may_publish = |destination: &[u8]| {
            self.services.permissions().is_none_or(|permissions| permissions.allows_publish(destination))
        };
        match source.start(routed.subject, routed.len(), routed.headers(), may_publish) {
            TraceStart::Untraced => return false,
            TraceStart::Skipped | TraceStart::Refused(_) => {}
            TraceStart::Changed(headers) => {
                let changed = Rewritten::new(routed, headers);
                publisher.publish_routed(self.origin(account), &changed.of(routed), message.queue_names(bytes));
            }
            TraceStart::Begun(trace) => {
                let queues: Vec<&[u8]> = message.queue_names(bytes).collect();
                publisher.publish_traced(self.origin(account), routed, trace, Audience::Here(&queues));
            }
        }
        true
    }
}
