//! What a consumer's decisions lead to, done by its owner.

use super::pin::UnpinReason;
use super::status::Status;

/// What a consumer asks its owner to do, or to tell it. Calls come in the order they are to take effect.
pub trait Effects {
    /// Sends a message without a body.
    fn status(&mut self, to: &[u8], status: &Status<'_>);

    /// Asks the client of a consumer that pushes to answer on `answer`.
    fn ask(&mut self, to: &[u8], answer: &[u8]);

    /// Tells whoever is interested.
    fn advise(&mut self, advisory: &Advisory<'_>);

    /// The consumer is done with a message: streams that keep messages for consumers may drop it.
    fn settled(&mut self, stream_seq: u64);

    /// The consumer gives a message up without an acknowledgement: it may go to those who care for dead letters.
    /// True when they do, and the message is to be kept until [`super::Consumer::let_go`]; else it is settled afterwards.
    fn given_up(&mut self, message: &GivenUp<'_>) -> bool;

    /// Whether somebody listens to a subject.
    fn has_interest(&mut self, subject: &[u8]) -> bool;

    /// Whether a subject is a reply of another account.
    fn leads_elsewhere(&mut self, subject: &[u8]) -> bool;

    /// An identifier that was never given before.
    fn new_id(&mut self) -> String;
}

/// A message that is not delivered any more although nobody acknowledged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp<'a> {
    /// Its sequence in the stream.
    pub stream_seq: u64,
    /// The consumer sequence of its first delivery.
    pub consumer_seq: u64,
    /// Times it was delivered.
    pub deliveries: u64,
    /// Why.
    pub cause: GivenUpCause<'a>,
}

/// Why a message is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUpCause<'a> {
    /// It was delivered as often as allowed.
    MaxDeliver,
    /// The client said so, and why.
    Terminated(&'a [u8]),
}

/// Something others may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advisory<'a> {
    /// A message was not acknowledged, and will be delivered again.
    Nak {
        /// Consumer sequence.
        consumer_seq: u64,
        /// Stream sequence.
        stream_seq: u64,
        /// Deliveries so far.
        deliveries: u64,
    },
    /// A message will not be delivered again.
    Terminated {
        /// Consumer sequence.
        consumer_seq: u64,
        /// Stream sequence.
        stream_seq: u64,
        /// Deliveries so far.
        deliveries: u64,
        /// Why.
        reason: &'a [u8],
    },
    /// A message was delivered as often as allowed.
    MaxDeliveries {
        /// Stream sequence.
        stream_seq: u64,
        /// Deliveries.
        deliveries: u64,
    },
    /// An acknowledgement that was chosen to be measured.
    Acknowledged {
        /// Consumer sequence.
        consumer_seq: u64,
        /// Stream sequence.
        stream_seq: u64,
        /// Nanoseconds since the delivery.
        delay: i64,
        /// Deliveries so far.
        deliveries: u64,
    },
    /// A client was pinned.
    Pinned {
        /// Its group.
        group: &'a str,
        /// Its identity.
        id: &'a str,
    },
    /// A client is pinned no more.
    Unpinned {
        /// Its group.
        group: &'a str,
        /// Why.
        reason: UnpinReason,
    },
    /// Delivery stops or begins again.
    Paused,
}

/// Reason of [`Advisory::Terminated`] for a message that was removed before it was acknowledged.
pub const REMOVED_UNACKED: &[u8] = b"Unacknowledged message was deleted";
