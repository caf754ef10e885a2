//! A client that speaks TLS and tells what it saw.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};
use troupe_tests::Server;

/// Longest wait for the server.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client saw.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The answer of the authority that came with the server's certificate.
    pub(crate) staple: Vec<u8>,
    /// The server let it in.
    pub(crate) was_let_in: bool,
}

/// Visits a server, with a certificate and its key where they are given.
pub(crate) fn visit(server: &Server, own: Option<(&Path, &Path)>) -> Visit {
    let (seen, config) = config(own);
    let was_let_in = enter(server, config).unwrap_or(false);
    let staple = seen.0.lock().expect("no panic").clone();
    Visit { staple, was_let_in }
}

/// What the monitor at `address` answers of the server; nothing where it does not.
pub(crate) fn ask_monitor(address: SocketAddr, own: Option<(&Path, &Path)>) -> Option<String> {
    let socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(config(own).1), name).ok()?;
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(b"GET /varz HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = Vec::new();
    // Servers may leave without a farewell.
    let _ = stream.read_to_end(&mut text);
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The configuration of a client, and what it will have seen.
fn config(own: Option<(&Path, &Path)>) -> (Arc<Seen>, ClientConfig) {
    let seen = Arc::new(Seen::default());
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let verifier = Arc::clone(&seen) as Arc<dyn ServerCertVerifier>;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain =
                CertificateDer::pem_file_iter(certificate).expect("a file").map(|one| one.expect("a certificate"));
            let key = PrivateKeyDer::from_pem_file(key).expect("a key");
            builder.with_client_auth_cert(chain.collect(), key).expect("they belong together")
        }
    };
    (seen, config)
}

/// Shakes hands and waits for PONG; false when the server has closed before.
fn enter(server: &Server, config: ClientConfig) -> std::io::Result<bool> {
    let mut socket = TcpStream::connect(server.address())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // INFO is in clear, and nothing comes behind it.
    let mut byte = [0];
    while byte != *b"\n" {
        socket.read_exact(&mut byte)?;
    }
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while !line.starts_with("PONG") {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes any certificate, and keeps what came with it.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<u8>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().expect("no panic") = staple.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
