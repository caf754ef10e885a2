//! Ids of the messages that were there when the stream was opened: read once somebody publishes with an id, since that may
//! mean to read much.

use troupe_codecs::api::headers;
use troupe_codecs::header;
use troupe_engine::stream::dedupe::Dedupe;
use troupe_store::{StoreError, SubjectFilter};

use super::core::StreamCore;
use crate::jetstream::clock;

/// Whether it depends on ids of other messages what becomes of one.
fn asks_for_ids(block: &[u8]) -> bool {
    !block.is_empty()
        && [headers::MSG_ID, headers::EXPECTED_LAST_MSG_ID].iter().any(|name| header::get(block, name).is_some())
}

impl StreamCore {
    /// Sees to it that ids are known, if a message with these headers asks for them.
    pub(super) fn know_ids_for(&mut self, block: &[u8]) {
        if !self.owes_ids || !asks_for_ids(block) {
            return;
        }
        match self.read_ids() {
            Ok(()) => self.owes_ids = false,
            // The next one that asks has them read again.
            Err(cause) => {
                let (account, name) = (self.account.name(), self.entry.name());
                tracing::error!("stream '{account} > {name}' cannot read the ids of its messages: {cause}");
            }
        }
    }

    /// Notes the ids of messages that are within the window: nobody has published with one since the stream was opened.
    fn read_ids(&mut self) -> Result<(), StoreError> {
        let last_seq = self.store.state().last_seq;
        if let Ok(last) = self.store.get(last_seq) {
            self.last_msg_id = header::get(last.headers(), headers::MSG_ID).unwrap_or_default().to_vec();
        }
        if self.config.duplicates <= 0 || last_seq == 0 {
            return Ok(());
        }
        let since = clock::now().saturating_sub(self.config.duplicates);
        self.dedupe = Dedupe::default();
        let mut seq = self.store.seq_from_time(since)?;
        while let Some(message) = self.store.next(&SubjectFilter::all(), seq)? {
            if let Some(id) = header::get(message.headers(), headers::MSG_ID) {
                self.dedupe.insert(id, message.seq, message.time_ns);
            }
            seq = message.seq + 1;
        }
        Ok(())
    }
}
