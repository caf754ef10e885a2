//! Why a connection ended.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

macro_rules! close_reasons {
    ($($name:ident = $text:literal,)*) => {
        /// Why a connection ended, with the text nats-server shows in its log and in connz.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum CloseReason {
            $(#[doc = $text] $name,)*
        }

        impl CloseReason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The text.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

close_reasons! {
    ClientClosed = "Client Closed",
    AuthenticationTimeout = "Authentication Timeout",
    AuthenticationFailure = "Authentication Failure",
    TlsHandshakeFailure = "TLS Handshake Failure",
    SlowConsumerPendingBytes = "Slow Consumer (Pending Bytes)",
    SlowConsumerWriteDeadline = "Slow Consumer (Write Deadline)",
    WriteError = "Write Error",
    ReadError = "Read Error",
    ParseError = "Parse Error",
    StaleConnection = "Stale Connection",
    ProtocolViolation = "Protocol Violation",
    BadClientProtocolVersion = "Bad Client Protocol Version",
    MaxAccountConnectionsExceeded = "Maximum Account Connections Exceeded",
    MaxConnectionsExceeded = "Maximum Connections Exceeded",
    MaxPayloadExceeded = "Maximum Message Payload Exceeded",
    MaxControlLineExceeded = "Maximum Control Line Exceeded",
    MaxSubscriptionsExceeded = "Maximum Subscriptions Exceeded",
    ServerShutdown = "Server Shutdown",
    AuthenticationExpired = "Authentication Expired",
    CredentialsRevoked = "Credentials Revoked",
    MissingAccount = "Missing Account",
    InternalError = "Internal Error",
    NoRespondersRequiresHeaders = "No Responders Requires Headers",
    Kicked = "Kicked",
    ProxyNotTrusted = "Proxy Not Trusted",
    ProxyRequired = "Proxy Required",
    DuplicateRoute = "Duplicate Route",
    RouteRemoved = "Route Removed",
    WrongPort = "Incorrect Port",
    WrongGateway = "Wrong Gateway",
    ClusterNameConflict = "Cluster Name Conflict",
    DuplicateServerName = "Duplicate Server Name",
    MaxUserConnectionsExceeded = "Maximum User Connections Exceeded",
}

const OPEN: u8 = u8::MAX;

/// Ends a connection from any thread. The first reason stays.
#[derive(Debug)]
pub struct CloseSignal {
    reason: AtomicU8,
    reader: AtomicWaker,
}

impl Default for CloseSignal {
    fn default() -> Self {
        Self { reason: AtomicU8::new(OPEN), reader: AtomicWaker::new() }
    }
}

impl CloseSignal {
    /// Sets the reason and wakes the reader; false when there was a reason already.
    pub fn set(&self, reason: CloseReason) -> bool {
        let is_first = self.reason.compare_exchange(OPEN, reason as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        self.reader.wake();
        is_first
    }

    /// The reason, once there is one.
    #[must_use]
    pub fn reason(&self) -> Option<CloseReason> {
        CloseReason::ALL.get(usize::from(self.reason.load(Ordering::Acquire))).copied()
    }

    /// Ready once there is a reason. One task may wait.
    pub fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        if let Some(reason) = self.reason() {
            return Poll::Ready(reason);
        }
        self.reader.register(cx.waker());
        self.reason().map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let signal = CloseSignal::default();
        assert_eq!(signal.reason(), None);
        assert!(signal.set(CloseReason::StaleConnection));
        assert!(!signal.set(CloseReason::ClientClosed));
        assert_eq!(signal.reason(), Some(CloseReason::StaleConnection));
    }
}
