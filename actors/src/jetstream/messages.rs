//! What is asked of a stream.

use parking_lot::Mutex;
use tokio::sync::oneshot;
use troupe_codecs::api::{ApiError, ConsumerInfo, StreamInfo};
use troupe_engine::consumer::audience::Member;
use troupe_engine::consumer::call::Call;

use super::api::ApiRequest;

/// What is asked of a stream. A restarted actor may get one again: answering twice is harmless.
#[derive(Debug)]
pub enum StreamCommand {
    /// A request of a client, which the stream answers.
    Api(StreamCall, ApiRequest),
    /// A request about a consumer, which the stream answers.
    Consumer(Call, ApiRequest),
    /// What is to be reported of it.
    Info(Answer<StreamInfo>),
    /// What is to be reported of its consumers, from a number on.
    Consumers(Member, Answer<ConsumerPage>),
    /// Whether it has a consumer of this name.
    Knows(String, Answer<bool>),
    /// Everything is to go, files too.
    Destroy(Answer<Result<(), ApiError>>),
}

/// Some of the consumers of a stream.
#[derive(Debug, Default)]
pub struct ConsumerPage {
    /// Those that clients see.
    pub shown: Vec<ConsumerInfo>,
    /// Those that feed other streams.
    pub hidden: Vec<ConsumerInfo>,
    /// Where the next page begins, if this is not the last one.
    pub next: Option<Member>,
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
