//! Lines of a connection that is being opened, read and written one by one.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use troupe_codecs::peer::{PeerOp, RouteDecoder, encoder as peer_encoder};
use troupe_codecs::s2::{S2Decoder, S2Level};

use super::handshake::HandshakeEnd;
use crate::connection::CloseReason;
use crate::net::{CompressionLevel, ReadHalf, Transport, WriteHalf};

/// Longest line; lists of servers make INFO long.
pub(super) const MAX_LINE: usize = 4 << 20;
/// Largest message that is taken from another server, whose limit may differ from the own one.
pub(super) const MAX_MESSAGE: usize = 64 << 20;
/// Longest line of a peer that has not shown who it is.
const MAX_FIRST_LINE: usize = 64 << 10;

/// What a peer says while the connection is opened.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// CONNECT, with its JSON.
    Connect(Vec<u8>),
    /// INFO, with its JSON.
    Info(Vec<u8>),
}

/// Both directions of a connection that is being opened.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) read: ReadHalf,
    pub(super) write: WriteHalf,
    pub(super) decoder: RouteDecoder,
    /// Bytes read and not decoded.
    pub(super) plain: BytesMut,
    /// Bytes read and not unpacked.
    pub(super) packed: BytesMut,
    pub(super) unpacker: Option<S2Decoder>,
    /// Nothing but CONNECT may come.
    awaits_connect: bool,
}

impl Wire {
    pub(super) fn new(transport: Transport, max_payload: usize) -> Self {
        let (read, write) = transport.split();
        let decoder = RouteDecoder::new(MAX_FIRST_LINE, max_payload.max(MAX_MESSAGE));
        Self {
            read,
            write,
            decoder,
            plain: BytesMut::new(),
            packed: BytesMut::new(),
            unpacker: None,
            awaits_connect: false,
        }
    }

    /// Writes and flushes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), HandshakeEnd> {
        let sending = async {
            self.write.write_all(bytes).await?;
            self.write.flush().await
        };
        sending.await.map_err(|error: io::Error| HandshakeEnd::closed(CloseReason::WriteError, error.to_string()))
    }

    /// Reads CONNECT, within `patience`, the flag of which tells whether it is that for logins: whoever begins with something else is a
    /// stranger.
    pub(super) async fn connect(&mut self, (patience, is_login): (Duration, bool)) -> Result<Vec<u8>, HandshakeEnd> {
        self.awaits_connect = true;
        let said = tokio::time::timeout(patience, self.read_next()).await;
        let Said::Connect(json) = said.unwrap_or_else(|_| Err(HandshakeEnd::timed_out(is_login)))? else {
            return Err(HandshakeEnd::unauthorized());
        };
        self.awaits_connect = false;
        Ok(json)
    }

    /// Reads up to the next CONNECT or INFO, within `patience`.
    pub(super) async fn next(&mut self, patience: Duration) -> Result<Said, HandshakeEnd> {
        let said = tokio::time::timeout(patience, self.read_next()).await;
        said.unwrap_or_else(|_| Err(HandshakeEnd::timed_out(false)))
    }

    async fn read_next(&mut self) -> Result<Said, HandshakeEnd> {
        loop {
            if self.awaits_connect && self.plain.first().is_some_and(|first| !first.eq_ignore_ascii_case(&b'C')) {
                return Err(HandshakeEnd::unauthorized());
            }
            while let Some(batch) = self.decoder.decode(&mut self.plain) {
                for op in &batch.ops {
                    match op {
                        PeerOp::Connect(json) => return Ok(Said::Connect(json.of(&batch.bytes).to_vec())),
                        PeerOp::Info(json) => return Ok(Said::Info(json.of(&batch.bytes).to_vec())),
                        PeerOp::Err(text) => {
                            let text = String::from_utf8_lossy(text.of(&batch.bytes)).into_owned();
                            return Err(HandshakeEnd::refused_by_peer(text));
                        }
                        PeerOp::Ping => self.send(troupe_codecs::client::encoder::PONG).await?,
                        PeerOp::Pong | PeerOp::Ignored => {}
                        PeerOp::Message(_) | PeerOp::Interest(_) | PeerOp::NoInterest(_) => {
                            return Err(HandshakeEnd::unauthorized());
                        }
                    }
                }
                if batch.fault.is_some() {
                    return Err(HandshakeEnd::unreadable(&batch.bytes[batch.fault_at..]));
                }
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), HandshakeEnd> {
        let buffer = if self.unpacker.is_some() { &mut self.packed } else { &mut self.plain };
        match self.read.read_buf(buffer).await {
            Ok(0) => return Err(HandshakeEnd::closed(CloseReason::ClientClosed, String::new())),
            Ok(_) => {}
            Err(error) => return Err(HandshakeEnd::closed(CloseReason::ReadError, error.to_string())),
        }
        if let Some(unpacker) = &mut self.unpacker {
            unpacker
                .decode(&mut self.packed, &mut self.plain)
                .map_err(|error| HandshakeEnd::closed(CloseReason::ReadError, error.to_string()))?;
        }
        Ok(())
    }

    /// From here on both directions are compressed.
    pub(super) fn compress(mut self, level: S2Level) -> (Self, CompressionLevel) {
        let handle = CompressionLevel::new(level);
        self.write = self.write.compressed(handle.clone());
        self.unpacker = Some(S2Decoder::default());
        self.packed = std::mem::take(&mut self.plain);
        if let Some(unpacker) = &mut self.unpacker {
            // What is damaged shows at the next read.
            unpacker.decode(&mut self.packed, &mut self.plain).ok();
        }
        (self, handle)
    }
}

/// A line of INFO in its place.
pub(super) fn connect_line(connect: &troupe_codecs::peer::RouteConnect) -> Vec<u8> {
    let mut line = Vec::new();
    peer_encoder::connect(&mut line, connect);
    line
}
