//! The current address of an actor that may be restarted.

use std::fmt;

use actix::dev::ToEnvelope;
use actix::prelude::SendError;
use actix::{Actor, Addr, Handler, MailboxError, Message};
use thiserror::Error;
use tokio::sync::watch;

use super::child::Epoch;

/// Why a message never reached an actor. Sending it again later is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotDelivered {
    /// The actor is not running now: it is starting, restarting, stopped or given up.
    #[error("not delivered: the actor is not running")]
    NotRunning,
    /// Its mailbox is full.
    #[error("not delivered: the mailbox is full")]
    Full,
}

/// A message that was not delivered, handed back with the reason.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Undelivered<M> {
    /// The message.
    pub message: M,
    /// Why it was not delivered.
    pub reason: NotDelivered,
}

impl<M> fmt::Debug for Undelivered<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Undelivered").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why a call to an actor brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The actor never saw the message.
    #[error(transparent)]
    NotDelivered(#[from] NotDelivered),
    /// The actor took the message and ended before it answered; the message may or may not have had its effect.
    #[error("the actor ended before it answered")]
    DiedWhileHandling,
}

/// Why a request to an actor failed, with the actor's own refusal as the third kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AskError<E> {
    /// The actor never saw the message.
    #[error(transparent)]
    NotDelivered(#[from] NotDelivered),
    /// The actor took the message and ended before it answered; the message may or may not have had its effect.
    #[error("the actor ended before it answered")]
    DiedWhileHandling,
    /// The actor handled the message and said no.
    #[error("refused: {0}")]
    Refused(E),
}

impl<E> From<CallError> for AskError<E> {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotDelivered(reason) => Self::NotDelivered(reason),
            CallError::DiedWhileHandling => Self::DiedWhileHandling,
        }
    }
}

/// The supervisor has let go of the actor: no address will come any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the actor is no longer supervised")]
pub struct NoLongerSupervised;

/// Follows the address of one supervised actor over its restarts. Callers hold this, never a bare `Addr`.
pub struct AddressWatch<A: Actor> {
    receiver: watch::Receiver<Published<A>>,
}

impl<A: Actor> fmt::Debug for AddressWatch<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let published = self.receiver.borrow();
        let running = published.address_opt.is_some();
        formatter.debug_struct("AddressWatch").field("epoch", &published.epoch).field("running", &running).finish()
    }
}

impl<A: Actor> Clone for AddressWatch<A> {
    fn clone(&self) -> Self {
        Self { receiver: self.receiver.clone() }
    }
}

impl<A: Actor> AddressWatch<A> {
    /// Returns the address of the running instance; `None` while there is none.
    pub fn current(&self) -> Option<Addr<A>> {
        self.receiver.borrow().address_opt.clone()
    }

    /// Returns the epoch of the running instance or, between two instances, of the next one; 0 before the first ran.
    pub fn epoch(&self) -> Epoch {
        self.receiver.borrow().epoch
    }

    /// Waits until the address changes: a new instance runs, or the last one is gone.
    pub async fn changed(&mut self) -> Result<(), NoLongerSupervised> {
        self.receiver.changed().await.map_err(|_| NoLongerSupervised)
    }

    /// Waits for a running instance.
    pub async fn running(&mut self) -> Result<Addr<A>, NoLongerSupervised> {
        let published = self
            .receiver
            .wait_for(|published| published.address_opt.is_some())
            .await
            .map_err(|_| NoLongerSupervised)?;
        published.address_opt.clone().ok_or(NoLongerSupervised)
    }

    /// Puts `message` into the mailbox unless the mailbox is full, and does not wait for an answer.
    pub fn tell<M>(&self, message: M) -> Result<(), Undelivered<M>>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let published = self.receiver.borrow();
        let Some(address) = published.address_opt.as_ref() else {
            return Err(Undelivered { message, reason: NotDelivered::NotRunning });
        };
        address.try_send(message).map_err(|error| match error {
            SendError::Full(message) => Undelivered { message, reason: NotDelivered::Full },
            SendError::Closed(message) => Undelivered { message, reason: NotDelivered::NotRunning },
        })
    }

    /// Sends `message` and waits for the handler's result; waits for room in a full mailbox. Returns as soon as the instance
    /// that got the message is gone, even when it is stuck and only fenced.
    pub async fn call<M>(&self, message: M) -> Result<M::Result, CallError>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let mut receiver = self.receiver.clone();
        let (epoch, address) = {
            let published = receiver.borrow_and_update();
            (published.epoch, published.address_opt.clone().ok_or(NotDelivered::NotRunning)?)
        };
        // A mailbox that closes after this look is reported as the worse case: the caller may not resend blindly.
        if !address.connected() {
            return Err(NotDelivered::NotRunning.into());
        }
        tokio::select! {
            biased;
            answer = address.send(message) => answer.map_err(|error| match error {
                MailboxError::Closed | MailboxError::Timeout => CallError::DiedWhileHandling,
            }),
            _ = receiver.wait_for(|published| published.epoch != epoch) => Err(CallError::DiedWhileHandling),
        }
    }

    /// Sends a request whose handler answers with a `Result`, and tells the handler's refusal from a lost message.
    pub async fn ask<M, T, E>(&self, message: M) -> Result<T, AskError<E>>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result = Result<T, E>> + Send + 'static,
        T: Send,
        E: Send,
    {
        self.call(message).await?.map_err(AskError::Refused)
    }
}

/// The supervisor's end: publishes an address, but only for the newest epoch.
pub(super) struct AddressCell<A: Actor> {
    sender: watch::Sender<Published<A>>,
}

struct Published<A: Actor> {
    epoch: Epoch,
    address_opt: Option<Addr<A>>,
}

impl<A: Actor> AddressCell<A> {
    pub(super) fn new() -> Self {
        Self { sender: watch::Sender::new(Published { epoch: Epoch::NONE, address_opt: None }) }
    }

    pub(super) fn watch(&self) -> AddressWatch<A> {
        AddressWatch { receiver: self.sender.subscribe() }
    }

    /// Publishes the address of `epoch`; refused when a later epoch has been seen.
    pub(super) fn publish(&self, epoch: Epoch, address: Addr<A>) {
        self.sender.send_if_modified(|published| {
            if epoch < published.epoch {
                return false;
            }
            *published = Published { epoch, address_opt: Some(address) };
            true
        });
    }

    /// Withdraws the address and refuses every epoch before `fence` from now on.
    pub(super) fn withdraw(&self, fence: Epoch) {
        self.sender.send_if_modified(|published| {
            let changed = published.address_opt.take().is_some();
            published.epoch = published.epoch.max(fence);
            changed
        });
    }
}
