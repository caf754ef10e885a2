//! A certificate authority that answers over HTTP whether its certificates are still good.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
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

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// What is answered about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Good,
    Revoked,
    Unknown,
    /// An HTTP error.
    Nothing,
    /// Bytes that are no answer.
    Garbage,
}

/// Who signs answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The authority.
    Itself,
    /// Somebody it authorized.
    Delegate,
    /// Somebody it issued a certificate to, for something else.
    Unauthorized,
    /// Somebody else.
    Stranger,
}

/// The authority. Its files are removed with it.
pub(crate) struct Authority {
    dir: tempfile::TempDir,
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    delegate: (KeyPair, Certificate),
    unauthorized: (KeyPair, Certificate),
    stranger: KeyPair,
    state: Mutex<State>,
    is_over: AtomicBool,
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
    pub(crate) fn new() -> Self {
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
            is_over: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !served.is_over.load(Ordering::Relaxed)) {
                let served = Arc::clone(&served);
                std::thread::spawn(move || served.serve(stream));
            }
        });
        Self { dir, issuer, shared, address }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Issues a certificate with this serial number to `name` (`name.pem`, `name.key`), which says whom to ask about it.
    pub(crate) fn issue(&self, name: &str, serial: u64) {
        self.issue_with(name, serial, &[self.responder_extension()]);
    }

    /// The same for one that must be stapled.
    pub(crate) fn issue_to_staple(&self, name: &str, serial: u64) {
        self.issue_with(name, serial, &[self.responder_extension(), must_staple()]);
    }

    /// The same for one that says nothing of the kind.
    pub(crate) fn issue_plain(&self, name: &str, serial: u64) {
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
    pub(crate) fn issue_below(&self, name: &str, middle: u64) {
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
    pub(crate) fn say(&self, serial: u64, says: Says) {
        self.change(|state| _ = state.says.insert(serial, says));
    }

    pub(crate) fn sign_by(&self, signer: Signer) {
        self.change(|state| state.signer = signer);
    }

    /// Answers hold for this time; without one they do not say.
    pub(crate) fn last_for(&self, lasts: Option<Duration>) {
        self.change(|state| state.lasts = lasts);
    }

    /// Answers are as old.
    pub(crate) fn age(&self, age: Duration) {
        self.change(|state| state.age = age);
    }

    pub(crate) fn num_asked(&self) -> usize {
        self.shared.state.lock().expect("no panic").num_asked
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock().expect("no panic"));
    }

    /// A `tls` block with the files of `server`.
    pub(crate) fn tls_block(&self, server: &str, more: &str) -> String {
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
        self.shared.is_over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
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
    let mut params = leaf("Signer", 2, &[]);
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("the authority signs");
    (key, Certificate::from_der(certificate.der()).expect("a certificate"))
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = asked(&stream) else { return };
        let answer = OcspRequest::from_der(&request).ok().and_then(|request| self.answer(&request));
        let (status, body) = answer.map_or(("500 Internal Server Error", Vec::new()), |answer| ("200 OK", answer));
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // A server that is gone is told nothing.
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    }

    fn answer(&self, request: &OcspRequest) -> Option<Vec<u8>> {
        let cert_id = request.tbs_request.request_list.first()?.req_cert.clone();
        let serial = cert_id.serial_number.as_bytes().iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let mut state = self.state.lock().expect("no panic");
        state.num_asked += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let cert_status = match state.says.get(&serial).copied().unwrap_or(Says::Good) {
            Says::Good => CertStatus::good(),
            Says::Unknown => CertStatus::unknown(),
            Says::Revoked => CertStatus::revoked(RevokedInfo { revocation_time: moment(now), revocation_reason: None }),
            Says::Nothing => return None,
            Says::Garbage => return Some(b"garbage".to_vec()),
        };
        let single = SingleResponse {
            cert_id,
            cert_status,
            this_update: moment(now - state.age),
            next_update: state.lasts.map(|lasts| moment(now + lasts)),
            single_extensions: None,
        };
        let (key, certificate) = match state.signer {
            Signer::Itself => (self.issuer.key(), None),
            Signer::Delegate => (&self.delegate.0, Some(&self.delegate.1)),
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
fn asked(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().ok()?;
        }
        first.get_or_insert(line);
    }
    let first = first?;
    if first.starts_with("POST ") {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        return Some(body);
    }
    let path = first.split(' ').nth(1)?.trim_start_matches('/');
    let path = path.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    STANDARD.decode(path).ok()
}
