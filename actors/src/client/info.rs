//! INFO of one connection.

use troupe_codecs::client::{ServerInfo, encoder};

use super::ClientServices;
use crate::net::RemoteAddress;

/// What INFO says of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionFacts<'a> {
    pub(super) cid: u64,
    /// Left out while a PROXY header may still name another address.
    pub(super) remote: Option<RemoteAddress>,
    pub(super) nonce: &'a str,
}

/// What an INFO is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InfoOccasion {
    /// The connection begins.
    Greeting,
    /// It was accepted: the first PONG went before.
    Accepted,
    /// The server's INFO changed.
    Changed,
    /// The client should go to another server.
    LameDuck,
}

/// The server's INFO with the facts of a connection.
pub(super) fn connection_info(services: &ClientServices, facts: ConnectionFacts<'_>) -> ServerInfo {
    let mut info = services.info().as_ref().clone();
    info.client_id = facts.cid;
    info.client_ip = facts.remote.and_then(|remote| remote.ip()).map(|ip| ip.to_string()).unwrap_or_default();
    facts.nonce.clone_into(&mut info.nonce);
    info
}

/// The INFO line.
pub(super) fn info_line(info: &ServerInfo) -> Vec<u8> {
    let mut line = Vec::with_capacity(512);
    encoder::info(&mut line, info);
    line
}
