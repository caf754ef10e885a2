//! What the rest of the server asks of a connection to another server.

use actix::{Handler, Message};

use super::PeerActor;
use crate::connection::CloseReason;

/// A command to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerCommand {
    /// Take over reloaded options.
    Reload,
    /// Send INFO again, because it changed.
    PushInfo,
    /// Close.
    Close(CloseReason),
}

impl Message for PeerCommand {
    type Result = ();
}

impl Handler<PeerCommand> for PeerActor {
    type Result = ();

    fn handle(&mut self, command: PeerCommand, _: &mut Self::Context) {
        match command {
            PeerCommand::Reload => self.reload(),
            PeerCommand::PushInfo => self.push_info(),
            PeerCommand::Close(reason) => self.end(reason),
        }
    }
}
