//! What came out of a TLS handshake.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};
use tokio_rustls::TlsStream;

use super::PeerCertificate;
use super::suites::{suite_name, version_name};
use crate::net::{PlainSocket, Transport};

/// A finished handshake.
#[derive(Debug)]
pub struct TlsAccepted {
    /// The encrypted transport.
    pub transport: Transport,
    /// Its facts.
    pub session: TlsSession,
}

/// Facts about a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSession {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// Go's name of the cipher suite.
    pub cipher_suite: &'static str,
    /// The client's chain, its own certificate first; empty when it showed none.
    pub peer: Vec<PeerCertificate>,
}

impl TlsSession {
    pub(super) fn of(stream: &TlsStream<PlainSocket>) -> Self {
        let (_, connection) = stream.get_ref();
        let peer = connection.peer_certificates().unwrap_or_default();
        Self {
            version: connection.protocol_version().map_or("unknown", version_name),
            cipher_suite: connection.negotiated_cipher_suite().map_or("unknown", |s| suite_name(s.suite())),
            peer: peer.iter().map(|der| PeerCertificate::new(der.clone())).collect(),
        }
    }
}

/// A failed handshake; the socket is closed already. The connection's reason is `TLS Handshake Failure`, and nothing
/// but a TLS alert reached the client.
///
/// Shown, it is what nats-server writes behind `TLS handshake error: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The configured time passed. Holds Go's network error.
    Timeout(String),
    /// The first bytes are no TLS record.
    NotTls,
    /// The client closed before the end; `cut` when it had sent something.
    End {
        /// Bytes had arrived.
        cut: bool,
    },
    /// The certificate's key is not one of `pinned_certs`. Holds its SHA-256, or nothing without a certificate.
    NotPinned(Option<String>),
    /// The client's certificate was revoked, or nobody says that it was not.
    Revoked,
    /// The connection broke. Holds Go's network error.
    Socket(String),
    /// The two sides do not agree, or the client's certificate is not accepted.
    Protocol(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls => f.write_str("tls: first record does not look like a TLS handshake"),
            Self::End { cut: false } => f.write_str("EOF"),
            Self::End { cut: true } => f.write_str("unexpected EOF"),
            Self::Revoked => f.write_str("client not OCSP valid"),
            Self::NotPinned(_) => f.write_str("certificate not pinned"),
            Self::Timeout(text) | Self::Socket(text) | Self::Protocol(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for HandshakeError {}

impl HandshakeError {
    /// Whether nats-server logs it at debug level only; else it is an error line.
    #[must_use]
    pub fn is_debug(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::NotTls)
    }

    /// Debug line that goes before the error line.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Timeout(_) => Some("TLS handshake timeout".to_owned()),
            Self::NotPinned(Some(key)) => Some(format!("Failed pinned cert test for key id: {key}")),
            Self::NotPinned(None) => Some("Failed pinned cert test as client did not provide a certificate".to_owned()),
            _ => None,
        }
    }

    pub(super) fn of(error: &io::Error, socket: &PlainSocket) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
            Some(cause) => Self::of_tls(cause),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::End { cut: true },
            None => Self::Socket(socket.read_error_text(error)),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::Error as E;
        let text = match error {
            E::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion)
            | E::InappropriateMessage { .. } => return Self::NotTls,
            E::NoCertificatesPresented => "tls: client didn't provide a certificate".to_owned(),
            E::InvalidCertificate(cause) => {
                format!("tls: failed to verify certificate: x509: {}", certificate_text(cause))
            }
            E::AlertReceived(alert) => format!("remote error: tls: {}", alert_text(*alert)),
            E::PeerIncompatible(cause) => format!("tls: {}", incompatible_text(cause)),
            E::InvalidMessage(InvalidMessage::MessageTooLarge) | E::PeerSentOversizedRecord => {
                "tls: oversized record received".to_owned()
            }
            other => format!("tls: {other}"),
        };
        Self::Protocol(text)
    }
}

fn certificate_text(error: &CertificateError) -> String {
    match error {
        // A bad signature: an authority of the same name, but another one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "certificate signed by unknown authority".to_owned()
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "certificate has expired or is not yet valid".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate specifies an incompatible key usage".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => "unhandled critical extension".to_owned(),
        CertificateError::Other(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

fn incompatible_text(error: &PeerIncompatible) -> String {
    match error {
        PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite supported by both client and server".to_owned(),
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        // Clients older than TLS 1.2 do not have it.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::SupportedVersionsExtensionRequired => "client offered only unsupported versions".to_owned(),
        PeerIncompatible::NoKxGroupsInCommon => "no key exchanges supported by both client and server".to_owned(),
        PeerIncompatible::NoSignatureSchemesInCommon => {
            "peer doesn't support any of the certificate's signature algorithms".to_owned()
        }
        other => format!("{other:?}"),
    }
}

/// Go's words for the alerts clients send.
fn alert_text(alert: AlertDescription) -> String {
    let text = match alert {
        AlertDescription::CloseNotify => "close notify",
        AlertDescription::UnexpectedMessage => "unexpected message",
        AlertDescription::BadRecordMac => "bad record MAC",
        AlertDescription::RecordOverflow => "record overflow",
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::UnsupportedCertificate => "unsupported certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::IllegalParameter => "illegal parameter",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::DecodeError => "error decoding message",
        AlertDescription::DecryptError => "error decrypting message",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::InsufficientSecurity => "insufficient security level",
        AlertDescription::InternalError => "internal error",
        AlertDescription::UserCanceled => "user canceled",
        AlertDescription::UnrecognisedName => "unrecognized name",
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::NoApplicationProtocol => "no application protocol",
        other => return format!("alert({})", u8::from(other)),
    };
    text.to_owned()
}
