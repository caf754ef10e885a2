//! What the rest of the server asks of a connection. All rare: nothing here is on the path of a message.

use actix::{Handler, Message};
use tracing::error;

use super::ClientActor;
use super::info::InfoOccasion;
use crate::connection::CloseReason;

/// A command to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCommand {
    /// Take over reloaded options.
    Reload,
    /// Send INFO again, because it changed.
    PushInfo,
    /// Tell it that it should go to another server.
    GoElsewhere,
    /// Close without a word.
    Close(CloseReason),
    /// Send `maximum connections exceeded` and close.
    TooMany,
    /// The same for the connections of its account.
    TooManyOfAccount,
}

impl Message for ClientCommand {
    type Result = ();
}

impl Handler<ClientCommand> for ClientActor {
    type Result = ();

    fn handle(&mut self, command: ClientCommand, ctx: &mut Self::Context) {
        match command {
            ClientCommand::Reload => self.reload(ctx),
            ClientCommand::PushInfo => self.push_info(),
            ClientCommand::GoElsewhere => self.send_info(InfoOccasion::LameDuck),
            ClientCommand::TooManyOfAccount => {
                error!(conn = %self.sink.label(), "maximum account active connections exceeded");
                let reason = CloseReason::MaxAccountConnectionsExceeded;
                self.fail("maximum account active connections exceeded", reason);
            }
            ClientCommand::TooMany => {
                self.send_error("maximum connections exceeded");
                error!(conn = %self.sink.label(), "maximum connections exceeded");
                self.end(CloseReason::MaxConnectionsExceeded);
            }
            ClientCommand::Close(reason) => self.end(reason),
        }
    }
}
