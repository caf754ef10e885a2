//! Messages and the configuration change.

use std::sync::Arc;

use troupe_codecs::api::advisory::StreamAction;
use troupe_codecs::api::request::{MsgDeleteRequest, StreamPurgeRequest};
use troupe_codecs::api::response::{Done, Empty, Purged, Response};
use troupe_codecs::api::stream::RetentionPolicy;
use troupe_codecs::api::{ApiError, StreamConfig, StreamInfo, errors};
use troupe_engine::stream::config::{ConfigContext, check};
use troupe_engine::stream::level::set_stream_level;
use troupe_engine::stream::update::check_update;

use super::core::StreamCore;
use crate::jetstream::api::ApiRequest;
use crate::jetstream::api::streams::{read_config, with_context};
use crate::jetstream::{advisory, clock, stores};

impl StreamCore {
    /// Answers a request to remove messages.
    pub(super) fn answer_purge(&mut self, request: &ApiRequest) {
        let outcome = request.decode_optional().and_then(|asked| self.purge(&asked));
        let outcome = outcome.map(|purged| Purged { done: Done::YES, purged });
        self.publish_usage();
        request.answer(&self.local, "stream_purge_response", outcome);
    }

    fn purge(&mut self, asked: &StreamPurgeRequest) -> Result<u64, ApiError> {
        if self.config.sealed {
            return Err(errors::STREAM_SEALED.error());
        }
        if self.config.deny_purge {
            return Err(errors::STREAM_PURGE_FAILED.with("stream purge not permitted"));
        }
        asked.check()?;
        self.has_begun = true;
        let purged = self.purge_subjects(asked.filter.as_bytes(), asked.seq, asked.keep);
        purged.map_err(|cause| errors::STREAM_PURGE_FAILED.with(cause))
    }

    /// Answers a request to remove a message.
    pub(super) fn answer_msg_delete(&mut self, request: &ApiRequest) {
        let kind = "stream_msg_delete_response";
        let refused = request.decode().and_then(|asked| self.check_delete().map(|()| asked));
        let asked: MsgDeleteRequest = match refused {
            Ok(asked) => asked,
            Err(error) => return request.answer::<Done>(&self.local, kind, Err(error)),
        };
        // What cannot be deleted is not counted among the faults of the API.
        let response = match self.delete(&asked) {
            Ok(()) => Response::new(kind, Done::YES),
            Err(error) => Response::failed(kind, error, Done::default()),
        };
        self.publish_usage();
        request.succeed(&self.local, &response);
    }

    fn check_delete(&self) -> Result<(), ApiError> {
        if self.config.sealed {
            return Err(errors::STREAM_SEALED.error());
        }
        if self.config.deny_delete {
            return Err(errors::STREAM_MSG_DELETE_FAILED.with("message delete not permitted"));
        }
        Ok(())
    }

    fn delete(&mut self, asked: &MsgDeleteRequest) -> Result<(), ApiError> {
        match self.store.remove(asked.seq, !asked.no_erase) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.nothing_to_delete(asked.seq)),
            Err(cause) => Err(errors::STREAM_MSG_DELETE_FAILED.with(cause)),
        }
    }

    fn nothing_to_delete(&self, seq: u64) -> ApiError {
        let state = self.store.state();
        let is_file = self.config.storage == troupe_codecs::api::stream::StorageType::File;
        if is_file && seq > state.last_seq {
            return errors::STREAM_MSG_DELETE_FAILED.with("stream store EOF");
        }
        if is_file && seq == 0 {
            return errors::STREAM_MSG_DELETE_FAILED.with("no message found");
        }
        errors::SEQUENCE_NOT_FOUND.with(seq)
    }

    /// Answers a request for another configuration: it is `wanted`, or something stands against it.
    pub(super) fn update(
        &mut self,
        request: &ApiRequest,
        wanted: Result<StreamConfig, ApiError>,
        num_consumers: usize,
    ) {
        let changed = wanted.and_then(|wanted| self.reconfigure(wanted, num_consumers));
        let name = self.entry.name();
        match changed {
            Ok(()) => {
                advisory::publish(
                    &self.local,
                    self.account.view(),
                    &format!("STREAM.UPDATED.{name}"),
                    "stream_action",
                    || StreamAction {
                        stream: name.to_string(),
                        action: "modify",
                        domain: self.server.domain().to_owned(),
                    },
                );
                let info: StreamInfo = self.shown_info(num_consumers);
                request.succeed(&self.local, &Response::new("stream_update_response", info));
            }
            Err(error) => request.answer::<Empty>(&self.local, "stream_update_response", Err(error)),
        }
    }

    /// The configuration a request asks for, checked against the one in force.
    ///
    /// # Errors
    /// It is not allowed.
    pub(super) fn wanted_config(&self, request: &ApiRequest) -> Result<StreamConfig, ApiError> {
        let (wanted, is_pedantic) = read_config(request, self.entry.name())?;
        let traits = (wanted.replicas, is_pedantic);
        with_context(&self.server, &self.account, traits, |context| {
            // What a change reserves is looked at when everything else is well.
            let context = ConfigContext { reserve: &|_| Ok(()), ..*context };
            // Looked at twice, as what the first look fills in may contradict something.
            let wanted = check(&wanted, &context)?;
            check_update(&self.config, &wanted, &context)
        })
    }

    /// Puts another configuration, which is checked, in force once it is written.
    fn reconfigure(&mut self, mut config: StreamConfig, num_consumers: usize) -> Result<(), ApiError> {
        set_stream_level(&mut config);
        let config = Arc::new(config);
        self.server.check_room(&self.account, &config)?;
        self.account.change(&self.entry, &config)?;
        if let Err(cause) = self.store.update_meta(&stores::meta(&self.entry)) {
            self.entry.set_config(Arc::clone(&self.config));
            return Err(errors::STREAM_UPDATE.with(cause));
        }
        let is_new_interest =
            self.config.retention == RetentionPolicy::Limits && config.retention == RetentionPolicy::Interest;
        let is_new_transform = config.subject_transform != self.config.subject_transform;
        let is_new_republish = config.republish != self.config.republish;
        self.config = Arc::clone(&config);
        if is_new_transform || is_new_republish {
            self.configure();
        }
        self.subscribe();
        self.follow();
        if is_new_interest && num_consumers == 0 {
            self.purge_quietly(b"", 0);
        }
        if let Err(cause) = self.store.update_config(stores::store_config(&config), clock::now()) {
            // What is beyond the limits leaves later.
            tracing::error!("stream '{} > {}' cannot remove messages: {cause}", self.account.name(), self.entry.name());
        }
        Ok(())
    }
}
