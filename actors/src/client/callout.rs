//! Logins that a service decides on.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tracing::{debug, warn};
use troupe_codecs::jwt::claims::seconds;
use troupe_codecs::jwt::request::{AskingServer, ShownTls};
use troupe_engine::auth::{CalloutFacts, CalloutFault, Delegation, Grant, Presented, Refusal, RefusalReason};

use super::{ClientActor, ClientServices};
use crate::connection::TlsFacts;
use crate::net::tls::PeerCertificate;
use crate::router::ArbiterLocal;

/// Length of a line of PEM.
const PEM_LINE: usize = 64;

/// What became of a request.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Whether the connection may enter.
    pub(super) outcome: Result<Grant, Refusal>,
    /// Why not, where it may not.
    pub(super) told: Option<Told>,
}

/// What those in an account are told of a connection that may not enter.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The account.
    pub(super) account: Arc<str>,
    /// Why; empty when the answer did not come in time.
    pub(super) why: String,
}

/// Asks about one connection.
pub(super) struct Asker {
    services: Arc<ClientServices>,
    local: Rc<ArbiterLocal>,
    facts: CalloutFacts,
}

impl ClientActor {
    /// Who asks about this connection.
    pub(super) fn asker(&self) -> Asker {
        let said = self.connect_options.as_deref();
        let is_verified = self.services.options().tls.as_ref().is_some_and(|tls| tls.verify || tls.verify_and_map);
        let facts = CalloutFacts {
            cid: self.sink.cid(),
            host: self.sink.remote().ip().map(|ip| ip.to_string()).unwrap_or_default(),
            name: said.map(|said| said.name.clone()).unwrap_or_default(),
            lang: said.map(|said| said.lang.clone()).unwrap_or_default(),
            version: said.map(|said| said.version.clone()).unwrap_or_default(),
            protocol: said.map_or(0, |said| said.protocol),
            tls: self.status.tls().map(|tls| shown_tls(tls, is_verified)),
        };
        Asker { services: Arc::clone(&self.services), local: Rc::clone(&self.local), facts }
    }
}

impl Asker {
    /// Waits until an account is in force, or was not found.
    pub(super) async fn find_account(&self, account: &str) {
        if let Some(desk) = self.services.account_desk() {
            desk.find(account).await;
        }
    }

    /// Asks and judges the answer, which may take `patience`.
    pub(super) async fn ask(self, delegation: Delegation, presented: &Presented, patience: Duration) -> Verdict {
        let refuse = |reason, why: String| Verdict {
            outcome: Err(Refusal { reason, identity: presented.claimed_identity() }),
            told: Some(Told { account: Arc::clone(&delegation.account), why }),
        };
        let unasked = || refuse(RefusalReason::AuthenticationFailure, String::new());
        let Some(desk) = self.services.callouts() else { return unasked() };
        let (info, options) = (self.services.info(), self.services.options());
        let server = AskingServer {
            name: info.server_name.clone(),
            host: info.host.clone(),
            id: info.server_id.clone(),
            version: info.version.clone(),
            cluster: info.cluster.clone().unwrap_or_default(),
            tags: options.server_tags.clone(),
            xkey: String::new(),
        };
        let now = SystemTime::now();
        let times = (seconds(now), seconds(now + patience));
        let request = delegation.request(presented, self.facts.clone(), server, desk.identity(), times);
        let Some(request) = request else { return unasked() };
        let asking = desk.ask(&self.local, &delegation.account, &request);
        let Ok(Some(answer)) = tokio::time::timeout(patience, asking).await else {
            debug!("Authorization callout response not received in time on account {:?}", delegation.account);
            return unasked();
        };
        let conclude =
            || self.services.authenticator().current().conclude(&delegation, presented, desk.identity(), &answer);
        let mut outcome = conclude();
        if let Err(CalloutFault::MissingAccount { account, .. }) = &outcome {
            tokio::time::timeout(patience, self.find_account(account)).await.ok();
            outcome = conclude();
        }
        match outcome {
            Ok(grant) => Verdict { outcome: Ok(grant), told: None },
            Err(fault) => refuse(CalloutFault::reason(&fault), fault.to_string()),
        }
    }
}

impl Told {
    /// Puts the reason into the log.
    pub(super) fn log(&self) {
        if !self.why.is_empty() {
            warn!("{}", self.why);
        }
    }
}

fn shown_tls(tls: &TlsFacts, is_verified: bool) -> ShownTls {
    let session = &tls.session;
    let chain: Vec<String> = session.peer.iter().map(pem).collect();
    let (certs, verified_chains) = match (chain.is_empty(), is_verified) {
        (true, _) => (Vec::new(), Vec::new()),
        (false, true) => (Vec::new(), vec![chain]),
        (false, false) => (chain, Vec::new()),
    };
    ShownTls { version: session.version.to_owned(), cipher: session.cipher_suite.to_owned(), certs, verified_chains }
}

fn pem(certificate: &PeerCertificate) -> String {
    let text = STANDARD.encode(certificate.der());
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(PEM_LINE) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}
