//! What the rest of the server asks of a connection to another server.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};

use super::PeerActor;

/// A command to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerCommand {
    /// Take over reloaded options.
    Reload,
    /// Send INFO again, because it changed.
    PushInfo,
    /// An account moves to a connection of its own.
    Release {
        /// The account.
        account: Arc<str>,
        /// Number of the request that the other server is asked to confirm, where it has to be told over this connection.
        request: Option<Arc<str>>,
    },
}

impl Message for PeerCommand {
    type Result = ();
}

impl Handler<PeerCommand> for PeerActor {
    type Result = ();

    fn handle(&mut self, command: PeerCommand, ctx: &mut Self::Context) {
        match command {
            PeerCommand::Reload => {
                if let Some(judging) = self.reload() {
                    ctx.wait(judging.into_actor(self).map(|judgement, actor, _| actor.judged(&judgement)));
                }
            }
            PeerCommand::PushInfo => self.push_info(),
            PeerCommand::Release { account, request } => self.release(&account, request.as_deref()),
        }
    }
}
