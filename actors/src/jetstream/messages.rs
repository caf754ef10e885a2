//! What is asked of a stream.

use parking_lot::Mutex;
use tokio::sync::oneshot;
use troupe_codecs::api::{ApiError, StreamInfo};

use super::api::ApiRequest;

/// What is asked of a stream. A restarted actor may get one again: answering twice is harmless.
#[derive(Debug)]
pub enum StreamCommand {
    /// A request of a client, which the stream answers.
    Api(StreamCall, ApiRequest),
    /// A request about a consumer, which the stream answers.
    Consumer(ConsumerCall, ApiRequest),
    /// What is to be reported of it.
    Info(Answer<StreamInfo>),
    /// Everything is to go, files too.
    Destroy(Answer<Result<(), ApiError>>),
}

/// A request about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamCall {
    /// It was made, or was there already.
    Created,
    /// Its configuration changes.
    Update,
    /// What is to be reported of it.
    Info,
    /// Messages are to go.
    Purge,
    /// A message is read.
    MsgGet,
    /// A message is to go.
    MsgDelete,
    /// A copy is to be made.
    Snapshot,
}

/// A request about a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerCall {
    /// What is asked.
    pub verb: ConsumerVerb,
    /// The consumer in the subject; empty when there is none.
    pub consumer: String,
    /// The filter in the subject; empty when there is none.
    pub filter: String,
}

/// What is asked about a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerVerb {
    /// It is made: `CONSUMER.CREATE.S`, `CONSUMER.CREATE.S.C`, `CONSUMER.CREATE.S.C.FILTER`.
    Create,
    /// It is made: `CONSUMER.DURABLE.CREATE.S.C`.
    CreateDurable,
    /// All names.
    Names,
    /// All, with details.
    List,
    /// One, with details.
    Info,
    /// It is to go.
    Delete,
    /// It rests for a while.
    Pause,
    /// It begins anew.
    Reset,
    /// Its pinned client is released.
    Unpin,
    /// Another server shall lead it.
    StepDown,
}

impl ConsumerVerb {
    /// The type of the answer.
    #[must_use]
    pub fn response_type(self) -> &'static str {
        match self {
            Self::Create | Self::CreateDurable => "consumer_create_response",
            Self::Names => "consumer_names_response",
            Self::List => "consumer_list_response",
            Self::Info => "consumer_info_response",
            Self::Delete => "consumer_delete_response",
            Self::Pause => "consumer_pause_response",
            Self::Reset => "consumer_reset_response",
            Self::Unpin => "consumer_unpin_response",
            Self::StepDown => "consumer_leader_stepdown_response",
        }
    }
}

/// Where an answer goes, once.
#[derive(Debug)]
pub struct Answer<T>(Mutex<Option<oneshot::Sender<T>>>);

impl<T> Answer<T> {
    /// An answer and where it arrives.
    #[must_use]
    pub fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Mutex::new(Some(sender))), receiver)
    }

    /// Gives the answer. Nobody may be waiting any more.
    pub fn give(&self, value: T) {
        if let Some(sender) = self.0.lock().take() {
            sender.send(value).ok();
        }
    }
}
