//! What is reported of a stream.

use troupe_codecs::api::consumer_info::with_server_metadata;
use troupe_codecs::api::request::StreamInfoRequest;
use troupe_codecs::api::response::{Paged, Response, StreamCreated, StreamInfoBody};
use troupe_codecs::api::stream_info::{ClusterInfo, LostStreamData};
use troupe_codecs::api::{ApiError, StreamConfig, StreamInfo, StreamState, Timestamp, errors};
use troupe_store::SubjectFilter;

use super::core::StreamCore;
use crate::jetstream::api::ApiRequest;
use crate::jetstream::clock;
use crate::jetstream::messages::StreamCall;

/// Subjects in one answer.
const SUBJECTS_LIMIT: usize = 100_000;

impl StreamCore {
    /// Answers a request that only the stream can.
    pub(super) fn answer(&mut self, call: StreamCall, request: &ApiRequest, num_consumers: usize) {
        match call {
            StreamCall::Created => {
                let info = StreamInfo { domain: String::new(), ..self.shown_info(num_consumers) };
                let body = StreamCreated { info, did_create: true };
                request.succeed(&self.local, &Response::new("stream_create_response", body));
            }
            StreamCall::Info => {
                let outcome = request.decode_optional().and_then(|asked| self.info_page(&asked, num_consumers));
                request.answer(&self.local, "stream_info_response", outcome);
            }
            StreamCall::Purge => self.answer_purge(request),
            StreamCall::MsgGet => self.answer_msg_get(request),
            StreamCall::MsgDelete => self.answer_msg_delete(request),
            StreamCall::Snapshot | StreamCall::Update => {}
        }
    }

    /// What is reported of the stream, as it is.
    #[must_use]
    pub fn info(&self, num_consumers: usize) -> StreamInfo {
        let now = clock::now();
        StreamInfo {
            config: StreamConfig::clone(&self.config),
            created: self.entry.created(),
            state: self.state(num_consumers),
            domain: self.server.domain().to_owned(),
            mirror: self.following.mirror_info(now),
            sources: self.following.source_infos(now),
            ts: Timestamp::from_nanos(now),
            ..StreamInfo::default()
        }
    }

    /// As [`StreamCore::info`], with what the answering server adds to the metadata.
    pub(super) fn shown_info(&self, num_consumers: usize) -> StreamInfo {
        let mut info = self.info(num_consumers);
        info.config.metadata = with_server_metadata(&info.config.metadata, self.server.parts().version);
        info
    }

    /// What the stream holds.
    #[must_use]
    pub fn state(&self, num_consumers: usize) -> StreamState {
        let state = self.store.state();
        let lost = (state.lost_msgs > 0).then(|| LostStreamData { msgs: Vec::new(), bytes: state.lost_bytes });
        // As nats-server, whose streams begin at zero before their first message or purge.
        let is_new = state.last_seq == 0 && state.first_seq <= 1 && !self.has_begun;
        StreamState {
            messages: state.msgs,
            bytes: state.bytes,
            first_seq: if is_new { 0 } else { state.first_seq.max(1) },
            first_ts: Timestamp::from_nanos_or_zero(state.first_time_ns),
            last_seq: state.last_seq,
            last_ts: Timestamp::from_nanos_or_zero(state.last_time_ns),
            num_subjects: state.num_subjects,
            num_deleted: state.num_deleted,
            lost,
            consumer_count: num_consumers as u64,
            ..StreamState::default()
        }
    }

    fn info_page(&self, asked: &StreamInfoRequest, num_consumers: usize) -> Result<StreamInfoBody, ApiError> {
        let mut info = self.shown_info(num_consumers);
        let mut paged = Paged::default();
        info.cluster = Some(ClusterInfo { leader: self.server.parts().server_name.clone(), ..ClusterInfo::default() });
        if asked.deleted_details {
            info.state.deleted = self.store.deleted(usize::MAX);
        }
        if !asked.subjects_filter.is_empty() {
            let filter = SubjectFilter::one(asked.subjects_filter.as_bytes());
            let offset = usize::try_from(asked.offset).unwrap_or(0);
            let (total, _) = self.store.count_subjects(&filter);
            let total = usize::try_from(total).unwrap_or(usize::MAX);
            let offset = offset.min(total);
            if offset.saturating_add(SUBJECTS_LIMIT) > 10_000_000 {
                return Err(errors::STREAM_INFO_MAX_SUBJECTS.error());
            }
            let subjects = self.store.subjects(&filter, None, offset + SUBJECTS_LIMIT);
            let page = subjects.into_iter().skip(offset);
            info.state.subjects =
                page.map(|count| (String::from_utf8_lossy(&count.subject).into_owned(), count.msgs)).collect();
            if total > 0 {
                paged = Paged { total, offset, limit: SUBJECTS_LIMIT };
            }
        }
        Ok(StreamInfoBody { paged, info: Some(info) })
    }
}
