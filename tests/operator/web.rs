//! A web server with tokens of accounts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use troupe_tests::certs::{CertFiles, Certs};

/// Path below which the tokens are.
const BASE: &str = "/jwt/v1/accounts/";

/// Serves tokens until it is dropped.
pub(crate) struct Web {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tokens: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Web {
    /// Serves these tokens, each under the name of its account.
    pub(crate) fn serve(tokens: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::start(tokens, None)
    }

    /// The same over TLS, to those only who show a certificate of the same authority.
    pub(crate) fn serve_over_tls(tokens: impl IntoIterator<Item = (String, String)>, certs: &Certs) -> Self {
        Self::start(tokens, Some(Arc::new(tls(certs))))
    }

    fn start(tokens: impl IntoIterator<Item = (String, String)>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { tokens: Mutex::new(tokens.into_iter().collect()), ..Shared::default() });
        let served = Arc::clone(&shared);
        let scheme = if tls.is_some() { "https" } else { "http" };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !served.is_over.load(Ordering::Relaxed)) {
                let (served, tls) = (Arc::clone(&served), tls.clone());
                std::thread::spawn(move || match tls {
                    None => served.answer(stream),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).expect("a connection");
                        served.answer(StreamOwned::new(connection, stream));
                    }
                });
            }
        });
        Self { address, scheme, shared }
    }

    /// What a resolver is configured with.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{BASE}", self.scheme, self.address)
    }

    /// Serves another token of an account.
    pub(crate) fn put(&self, account: String, token: String) {
        self.shared.tokens.lock().expect("no panic").insert(account, token);
    }

    /// How often an account was asked for.
    pub(crate) fn num_asked(&self, account: &str) -> usize {
        self.shared.asked.lock().expect("no panic").iter().filter(|asked| *asked == account).count()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn answer(&self, mut stream: impl Read + Write) {
        let Some(path) = requested(&mut stream) else { return };
        let name = path.strip_prefix(BASE).unwrap_or("?").to_owned();
        let token = self.tokens.lock().expect("no panic").get(&name).cloned();
        let (status, body) = match token {
            Some(token) => ("200 OK", token),
            // That it is there is looked at first.
            None if name.is_empty() => ("200 OK", String::new()),
            None => ("404 Not Found", "no such account".to_owned()),
        };
        self.asked.lock().expect("no panic").push(name);
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // A server that is gone is told nothing.
        let _ = stream.write_all([head, body].concat().as_bytes());
        let _ = stream.flush();
    }
}

/// Who the server is, and who it takes.
fn tls(certs: &Certs) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certs.ca()).expect("a certificate")).expect("an authority");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let CertFiles { cert, key } = certs.server();
    let chain = vec![CertificateDer::from_pem_file(cert).expect("a certificate")];
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key).expect("a key"))
        .expect("they belong together")
}

/// The path of a request, once all of it is read.
fn requested(stream: &mut impl Read) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
    first.split(' ').nth(1).map(str::to_owned)
}
