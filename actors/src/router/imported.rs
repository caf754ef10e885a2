//! Stream imports: subscriptions of one account that stand in the index of another one.

use std::sync::Arc;

use troupe_engine::account::StreamImport;

use super::door::Door;
use super::subscription::Receiver;
use super::{AccountView, Message, Origin, Subscription};

/// The receiver behind an entry in the exporting account.
#[derive(Debug)]
pub struct Imported {
    /// The subscription in the importing account.
    pub main: Arc<Subscription>,
    /// What it gets messages through.
    pub import: Arc<StreamImport>,
    /// The importing account.
    pub importer: Arc<AccountView>,
}

impl Door<'_> {
    /// Hands a message of the exporting account to a subscription of the importing one, under the subject it has there.
    pub(super) fn deliver_imported(
        &mut self,
        entry: &Arc<Subscription>,
        imported: &Imported,
        origin: Origin<'_>,
        message: &Message<'_>,
    ) -> bool {
        let main = &imported.main;
        if message.is_imported || main.is_closed() || entry.is_closed() {
            return false;
        }
        let local = imported.import.local_subject(message.subject);
        let shown = message.shown_subject.unwrap_or(&local);
        let message = Message { shown_subject: Some(shown), ..*message };
        match main.receiver() {
            Receiver::Client(sink) => {
                let is_refused = !origin.echo && origin.is(sink)
                    || main.is_filtered() && sink.denies(shown, main.queue_opt())
                    || sink.is_dropping();
                if is_refused {
                    return false;
                }
                let verb: &[u8] = if message.has_headers { b"HMSG " } else { b"MSG " };
                let head = [verb, shown, b" "].concat();
                entry.add_delivered(1);
                self.write(sink, main, &head, origin, &message);
                true
            }
            Receiver::Inbox(inbox) => {
                entry.add_delivered(1);
                let origin = Origin { account: &imported.importer, ..origin };
                self.deliveries.append_inside(inbox, origin, main.tag(), &message);
                true
            }
            _ => false,
        }
    }
}
