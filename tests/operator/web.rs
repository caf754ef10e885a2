//! A web server with tokens of accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use troupe_tests::certs::{CertFiles, Certs};
use troupe_tests::web::{WebAnswer, WebRequest, WebServer};

/// Path below which the tokens are.
const BASE: &str = "/jwt/v1/accounts/";

/// Serves tokens until it is dropped.
pub(crate) struct Web {
    server: WebServer,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tokens: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
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
        let shared = Arc::new(Shared { tokens: Mutex::new(tokens.into_iter().collect()), ..Shared::default() });
        let served = Arc::clone(&shared);
        let server = WebServer::start(tls, move |request| served.answer(request));
        Self { server, shared }
    }

    /// What a resolver is configured with.
    pub(crate) fn url(&self) -> String {
        self.server.url() + BASE
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

impl Shared {
    fn answer(&self, request: &WebRequest) -> WebAnswer {
        let name = request.path.strip_prefix(BASE).unwrap_or("?").to_owned();
        let token = self.tokens.lock().expect("no panic").get(&name).cloned();
        let (status, body) = match token {
            Some(token) => ("200 OK", token),
            // That it is there is looked at first.
            None if name.is_empty() => ("200 OK", String::new()),
            None => ("404 Not Found", "no such account".to_owned()),
        };
        self.asked.lock().expect("no panic").push(name);
        WebAnswer { status, body: body.into_bytes() }
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
