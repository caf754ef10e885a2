//! A certificate authority that answers over HTTP whether its certificates are still good.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{BitString, GeneralizedTime, ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SigningKey as _,
};
use sha1::{Digest, Sha1};
use x509_cert::Certificate;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse, ResponderId, ResponseData,
    RevokedInfo, SingleResponse, Version,
};

use crate::web::{WebAnswer, WebRequest, WebServer};

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// What is answered about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It is good.
    Good,
    /// It was revoked.
    Revoked,
    /// It is not known.
    Unknown,
    /// An HTTP error.
    Nothing,
    /// Bytes that are no answer.
    Garbage,
    /// Nothing, until something else is to be said.
    Later,
}

/// Who signs answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The authority.
    Itself,
    /// Somebody it authorized.
    Delegate,
    /// Somebody it authorized for this time, in seconds since 1970.
    DelegateUntil(u64),
    /// Somebody it issued a certificate to, for something else.
    Unauthorized,
    /// Somebody else.
    Stranger,
}

/// The authority. Its files are removed with it.
pub struct Authority {
    dir: tempfile::TempDir,
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    shared: Arc<Shared>,
    server: WebServer,
}

struct Shared {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    delegate: (KeyPair, Certificate),
    unauthorized: (KeyPair, Certificate),
    stranger: KeyPair,
    state: Mutex<State>,
    /// Wakes answers that wait for what is to be said.
    changed: Condvar,
}

struct State {
    says: HashMap<u64, Says>,
    signer: Signer,
    /// Time for which an answer holds, from now on.
    lasts: Option<Duration>,
    /// Age of an answer.
    age: Duration,
    num_asked: usize,
}

impl Authority {
    /// An authority of its own, that calls everything good.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let issuer = Arc::new(root("Test Authority"));
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).expect("it is written");
        let delegate = signer(&issuer, ExtendedKeyUsagePurpose::OcspSigning);
        let unauthorized = signer(&issuer, ExtendedKeyUsagePurpose::ClientAuth);
        let lasts = Some(Duration::from_secs(3600));
        let age = Duration::from_secs(1);
        let state = State { says: HashMap::new(), signer: Signer::Itself, lasts, age, num_asked: 0 };
        let shared = Arc::new(Shared {
            issuer: Arc::clone(&issuer),
            delegate,
            unauthorized,
            stranger: KeyPair::generate().expect("a key"),
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let served = Arc::clone(&shared);
        let server = WebServer::start(None, move |request| served.serve(request));
        Self { dir, issuer, shared, server }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Its certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A file of this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Issues a certificate with this serial number to `name` (`name.pem`, `name.key`), which says whom to ask about it.
    pub fn issue(&self, name: &str, serial: u64) {
        self.issue_with(name, serial, &[self.responder_extension()]);
    }

    /// The same for one that must be stapled.
    pub fn issue_to_staple(&self, name: &str, serial: u64) {
        self.issue_with(name, serial, &[self.responder_extension(), must_staple()]);
    }

    /// The same for one that says nothing of the kind.
    pub fn issue_plain(&self, name: &str, serial: u64) {
        self.issue_with(name, serial, &[]);
    }

    fn issue_with(&self, name: &str, serial: u64, extensions: &[CustomExtension]) {
        let key = KeyPair::generate().expect("a key");
        let params = leaf(name, serial, extensions);
        let certificate = params.signed_by(&key, &*self.issuer).expect("the authority signs");
        self.write(name, &certificate.pem(), &key);
    }

    /// Issues a certificate through another authority, whose own certificate has the serial number `middle` and says whom to
    /// ask about it. Its file holds both.
    pub fn issue_below(&self, name: &str, middle: u64) {
        let mut params = authority_params("Intermediate");
        params.serial_number = Some(middle.into());
        params.custom_extensions = vec![self.responder_extension()];
        let key = KeyPair::generate().expect("a key");
        let middle = CertifiedIssuer::signed_by(params, key, &*self.issuer).expect("the authority signs");
        let key = KeyPair::generate().expect("a key");
        let certificate = leaf(name, 1, &[]).signed_by(&key, &middle).expect("the authority signs");
        self.write(name, &format!("{}{}", certificate.pem(), middle.pem()), &key);
    }

    fn write(&self, name: &str, pem: &str, key: &KeyPair) {
        std::fs::write(self.path(&format!("{name}.pem")), pem).expect("it is written");
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("it is written");
    }

    /// Answers so about a certificate from now on.
    pub fn say(&self, serial: u64, says: Says) {
        self.change(|state| _ = state.says.insert(serial, says));
    }

    /// Answers are signed so from now on.
    pub fn sign_by(&self, signer: Signer) {
        self.change(|state| state.signer = signer);
    }

    /// Answers hold for this time; without one they do not say.
    pub fn last_for(&self, lasts: Option<Duration>) {
        self.change(|state| state.lasts = lasts);
    }

    /// Answers are as old.
    pub fn age(&self, age: Duration) {
        self.change(|state| state.age = age);
    }

    /// How often it was asked.
    pub fn num_asked(&self) -> usize {
        self.shared.state.lock().expect("no panic").num_asked
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock().expect("no panic"));
        self.shared.changed.notify_all();
    }

    /// A `tls` block with the files of `server`.
    pub fn tls_block(&self, server: &str, more: &str) -> String {
        format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, timeout: 20\n {more} }}\n",
            self.path(&format!("{server}.pem")),
            self.path(&format!("{server}.key")),
            self.ca()
        )
    }

    /// Where to ask: authority information access with one OCSP location.
    fn responder_extension(&self) -> CustomExtension {
        let url = self.url();
        let mut location = vec![0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 0x86, u8::try_from(url.len()).expect("short")];
        location.extend_from_slice(url.as_bytes());
        let content = sequence(&sequence(&location));
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // Nobody waits for what will not come.
        self.change(|state| state.says.values_mut().for_each(|says| *says = Says::Nothing));
    }
}

fn sequence(content: &[u8]) -> Vec<u8> {
    [&[0x30, u8::try_from(content.len()).expect("short")], content].concat()
}

fn must_staple() -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5])
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn root(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(authority_params(name), key).expect("it signs itself")
}

fn leaf(name: &str, serial: u64, extensions: &[CustomExtension]) -> CertificateParams {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(serial.into());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.custom_extensions = extensions.to_vec();
    params
}

/// Somebody with a certificate for `usage`.
fn signer(issuer: &CertifiedIssuer<'static, KeyPair>, usage: ExtendedKeyUsagePurpose) -> (KeyPair, Certificate) {
    const FAR: u64 = 1 << 32;
    signer_until(issuer, usage, FAR)
}

/// The same for one that ends, in seconds since 1970.
fn signer_until(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    usage: ExtendedKeyUsagePurpose,
    end: u64,
) -> (KeyPair, Certificate) {
    let mut params = leaf("Signer", 2, &[]);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(end);
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("the authority signs");
    (key, Certificate::from_der(certificate.der()).expect("a certificate"))
}

impl Shared {
    fn serve(&self, request: &WebRequest) -> WebAnswer {
        let asked = asked(request).and_then(|asked| OcspRequest::from_der(&asked).ok());
        match asked.and_then(|asked| self.answer(&asked)) {
            Some(body) => WebAnswer { status: "200 OK", body },
            None => WebAnswer { status: "500 Internal Server Error", body: Vec::new() },
        }
    }

    fn answer(&self, request: &OcspRequest) -> Option<Vec<u8>> {
        let cert_id = request.tbs_request.request_list.first()?.req_cert.clone();
        let serial = cert_id.serial_number.as_bytes().iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let mut state = self.state.lock().expect("no panic");
        state.num_asked += 1;
        let is_waiting = |state: &mut State| state.says.get(&serial) == Some(&Says::Later);
        let state = self.changed.wait_while(state, is_waiting).expect("no panic");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let cert_status = match state.says.get(&serial).copied().unwrap_or(Says::Good) {
            Says::Good => CertStatus::good(),
            Says::Unknown => CertStatus::unknown(),
            Says::Revoked => CertStatus::revoked(RevokedInfo { revocation_time: moment(now), revocation_reason: None }),
            Says::Nothing | Says::Later => return None,
            Says::Garbage => return Some(b"garbage".to_vec()),
        };
        let single = SingleResponse {
            cert_id,
            cert_status,
            this_update: moment(now - state.age),
            next_update: state.lasts.map(|lasts| moment(now + lasts)),
            single_extensions: None,
        };
        let mortal = match state.signer {
            Signer::DelegateUntil(end) => Some(signer_until(&self.issuer, ExtendedKeyUsagePurpose::OcspSigning, end)),
            _ => None,
        };
        let (key, certificate) = match state.signer {
            Signer::Itself => (self.issuer.key(), None),
            Signer::Delegate => (&self.delegate.0, Some(&self.delegate.1)),
            Signer::DelegateUntil(_) => mortal.as_ref().map(|(key, certificate)| (key, Some(certificate)))?,
            Signer::Unauthorized => (&self.unauthorized.0, Some(&self.unauthorized.1)),
            Signer::Stranger => (&self.stranger, None),
        };
        Some(signed(key, certificate, single, now))
    }
}

fn moment(since: Duration) -> OcspGeneralizedTime {
    OcspGeneralizedTime(GeneralizedTime::from_unix_duration(Duration::from_secs(since.as_secs())).expect("a time"))
}

fn signed(key: &KeyPair, certificate: Option<&Certificate>, single: SingleResponse, now: Duration) -> Vec<u8> {
    let key_hash = OctetString::new(Sha1::digest(key.der_bytes()).to_vec()).expect("short");
    let tbs_response_data = ResponseData {
        version: Version::V1,
        responder_id: ResponderId::ByKey(key_hash),
        produced_at: moment(now),
        responses: vec![single],
        response_extensions: None,
    };
    let signature = key.sign(&tbs_response_data.to_der().expect("it is encoded")).expect("it is signed");
    let basic = BasicOcspResponse {
        tbs_response_data,
        signature_algorithm: AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None },
        signature: BitString::from_bytes(&signature).expect("short"),
        certs: certificate.map(|certificate| vec![certificate.clone()]),
    };
    OcspResponse::successful(basic).and_then(|response| response.to_der()).expect("it is encoded")
}

/// The question of a request: its body, or what its path ends with.
fn asked(request: &WebRequest) -> Option<Vec<u8>> {
    if !request.body.is_empty() {
        return Some(request.body.clone());
    }
    let path = request.path.trim_start_matches('/');
    let path = path.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    STANDARD.decode(path).ok()
}
