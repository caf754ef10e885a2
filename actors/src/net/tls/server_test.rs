use std::time::Duration;

use base64::Engine;
use rustls::ALL_VERSIONS;
use rustls::version::{TLS12, TLS13};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use troupe_engine::options::CertificatePair;

use super::*;
use crate::net::tls::certificates_for_tests::{Authority, certificate_in, options, replace};

fn load(options: &TlsOptions) -> TlsServer {
    TlsServer::load(options, &Stapling::default()).unwrap().0
}

fn load_error(options: &TlsOptions) -> String {
    TlsServer::load(options, &Stapling::default()).map(|_| ()).unwrap_err().to_string()
}

fn verifying(authority: &Authority) -> TlsOptions {
    TlsOptions { verify: true, ca_file: Some(authority.path("ca.pem")), ..options(authority.issue("server", "a.test")) }
}

#[tokio::test]
async fn the_name_the_client_asks_for_chooses_the_certificate() {
    let authority = Authority::new();
    let pairs = ["a.test", "*.b.test"].map(|host| authority.issue(&host.replace('*', "any"), host));
    let server = load(&TlsOptions { certificates: pairs.to_vec(), ..TlsOptions::default() });
    let client = authority.client(ALL_VERSIONS, None);
    for (host, pair) in [("a.test", &pairs[0]), ("x.b.test", &pairs[1])] {
        let (seen, outcome) = client.connect(&server, host).await;
        assert_eq!(seen, certificate_in(pair), "{host}");
        let session = outcome.unwrap().session;
        assert_eq!((session.version, session.cipher_suite, session.peer.len()), ("1.3", "TLS_AES_128_GCM_SHA256", 0));
    }
    // Nobody's name gets the first certificate, which this client then refuses.
    let (_, outcome) = client.connect(&server, "c.test").await;
    assert_eq!(outcome.unwrap_err().to_string(), "remote error: tls: bad certificate");
    assert!(server.certificate_not_after().unwrap() > 0);
}

#[tokio::test]
async fn bytes_flow_after_the_handshake() {
    let authority = Authority::new();
    let server = load(&options(authority.issue("server", "a.test")));
    let (near, far) = UnixStream::pair().unwrap();
    let client = authority.client(ALL_VERSIONS, None);
    let connect = client.connector().connect("a.test".try_into().unwrap(), near);
    let (client, accepted) = tokio::join!(connect, server.handshake(PlainSocket::Unix(far)));
    let (mut client, accepted) = (client.unwrap(), accepted.unwrap());
    assert!(accepted.transport.is_tls());
    let (mut read, mut write) = accepted.transport.split();
    assert_eq!(write.try_write_vectored(&[]).unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    write.write_all(b"INFO").await.unwrap();
    write.flush().await.unwrap();
    let mut bytes = [0; 4];
    client.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"INFO");
    client.write_all(b"PING").await.unwrap();
    read.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"PING");
    write.shutdown().await.unwrap();
    assert_eq!(client.read(&mut bytes).await.unwrap(), 0);
}

#[tokio::test]
async fn the_kernel_is_told_when_to_give_up() {
    let authority = Authority::new();
    let server = load(&options(authority.issue("server", "a.test")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let far = listener.accept().await.unwrap().0.into_std().unwrap();
    let seen = far.try_clone().unwrap();
    let far = PlainSocket::Tcp(TcpStream::from_std(far).unwrap());
    let client = authority.client(ALL_VERSIONS, None);
    let connect = client.connector().connect("a.test".try_into().unwrap(), near);
    let (client, accepted) = tokio::join!(connect, server.handshake(far));
    let (_client, (_read, write)) = (client.unwrap(), accepted.unwrap().transport.split());
    let limit = Duration::from_secs(1);
    write.give_up_after(limit).unwrap();
    assert_eq!(SockRef::from(&seen).tcp_user_timeout().unwrap(), Some(limit));
}

#[tokio::test]
async fn verify_asks_for_a_certificate_of_the_authority() {
    let authority = Authority::new();
    let server = load(&verifying(&authority));
    let (own, stranger) = (authority.issue("client", "c.test"), Authority::new().issue_kept("client", "c.test"));
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let with = |pair| authority.client(versions, pair);
        let session = with(Some(&own)).connect(&server, "a.test").await.1.unwrap().session;
        assert_eq!(session.peer.len(), 1);
        assert_eq!(session.peer[0].names().candidates()[0].user(), Some("c.test"));
        let error = with(None).connect(&server, "a.test").await.1.unwrap_err();
        assert_eq!(error.to_string(), "tls: client didn't provide a certificate");
        let error = with(Some(&stranger.1)).connect(&server, "a.test").await.1.unwrap_err();
        assert_eq!(
            error.to_string(),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        );
        assert!(!error.is_debug());
    }
}

#[tokio::test]
async fn a_self_signed_client_is_accepted_when_it_stands_in_the_file() {
    let authority = Authority::new();
    let own = authority.pair();
    let server = load(&verifying(&authority));
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let outcome = authority.client(versions, Some(&own)).connect(&server, "a.test").await.1;
        assert_eq!(outcome.unwrap().session.peer.len(), 1);
    }
    let expired = authority.expired();
    let server = load(&TlsOptions { ca_file: Some(expired.cert_file.clone()), ..server.options().clone() });
    let error = authority.client(&[&TLS13], Some(&expired)).connect(&server, "a.test").await.1.unwrap_err();
    let text = "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn only_pinned_keys_enter() {
    let authority = Authority::new();
    let (pinned, other) = (authority.issue("pinned", "p.test"), authority.issue("other", "o.test"));
    let key = super::super::PeerCertificate::new(certificate_in(&pinned).unwrap()).spki_sha256();
    let server = load(&TlsOptions { pinned_certs: vec![key], ..verifying(&authority) });
    assert!(authority.client(ALL_VERSIONS, Some(&pinned)).connect(&server, "a.test").await.1.is_ok());
    let error = authority.client(ALL_VERSIONS, Some(&other)).connect(&server, "a.test").await.1.unwrap_err();
    assert_eq!(error.to_string(), "certificate not pinned");
    let other = super::super::PeerCertificate::new(certificate_in(&other).unwrap()).spki_sha256();
    assert_eq!(error.detail().unwrap(), format!("Failed pinned cert test for key id: {other}"));

    let server = load(&TlsOptions { verify: false, ..server.options().clone() });
    let error = authority.client(ALL_VERSIONS, Some(&pinned)).connect(&server, "a.test").await.1.unwrap_err();
    assert_eq!(error.detail().unwrap(), "Failed pinned cert test as client did not provide a certificate");
}

#[tokio::test]
async fn versions_and_suites() {
    let authority = Authority::new();
    let base = options(authority.issue("server", "a.test"));
    let suite = |name: &str| TlsOptions { cipher_suites: vec![name.to_owned()], ..base.clone() };
    let old = authority.client(&[&TLS12], None);
    let session = old.connect(&load(&base), "a.test").await.1.unwrap().session;
    assert_eq!((session.version, session.cipher_suite), ("1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
    let chosen = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let session = old.connect(&load(&suite(chosen)), "a.test").await.1.unwrap().session;
    assert_eq!(session.cipher_suite, chosen);
    let unusable = suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    let error = old.connect(&load(&unusable), "a.test").await.1.unwrap_err();
    assert_eq!(error.to_string(), "tls: no cipher suite supported by both client and server");
    let only13 = TlsOptions { min_version: TlsVersion::Tls13, ..base.clone() };
    for options in [only13, suite("TLS_AES_256_GCM_SHA384")] {
        let error = old.connect(&load(&options), "a.test").await.1.unwrap_err();
        assert_eq!(error.to_string(), "tls: client offered only unsupported versions");
        assert!(authority.client(&[&TLS13], None).connect(&load(&options), "a.test").await.1.is_ok());
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_told_apart() {
    let authority = Authority::new();
    let timeout = Duration::from_millis(50);
    let server = load(&TlsOptions { timeout, ..options(authority.issue("server", "a.test")) });
    let cases: [(&[u8], bool, &str, bool); 8] = [
        (b"PING\r\n", false, "tls: first record does not look like a TLS handshake", true),
        (b"GET / HTTP/1.1\r\n\r\n", false, "tls: first record does not look like a TLS handshake", true),
        (b"\x17\x03\x03\x00\x02ab", false, "tls: first record does not look like a TLS handshake", true),
        (b"\x15\x03\x01\x00\x02\x02\x28", false, "remote error: tls: handshake failure", false),
        (b"\x16\x03\x01\x02\x00\x01", true, "unexpected EOF", false),
        (b"", true, "EOF", false),
        (b"\x16\x03\x01\x02\x00\x01", false, "read unix: i/o timeout", true),
        (b"", false, "read unix: i/o timeout", true),
    ];
    for (bytes, ends, text, debug) in cases {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(bytes).await.unwrap();
        if ends {
            near.shutdown().await.unwrap();
        }
        let error = server.handshake(PlainSocket::Unix(far)).await.unwrap_err();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty(), "{}", answer.escape_ascii());
        assert_eq!((error.to_string().as_str(), error.is_debug()), (text, debug), "{}", bytes.escape_ascii());
    }
}

#[test]
fn says_what_is_wrong_with_files_as_nats_server_does() {
    let authority = Authority::new();
    let good = authority.issue("server", "a.test");
    let other = authority.issue("other", "a.test");
    let [missing, garbage, encrypted, ed25519] =
        ["missing", "garbage", "encrypted", "ed25519"].map(|name| authority.path(name));
    replace(&garbage, "garbage");
    replace(&encrypted, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    replace(&ed25519, &rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem());
    let directory = authority.directory().to_owned();
    let open = |path: &std::path::Path| format!("open {}: no such file or directory", path.display());
    let cases = [
        (&missing, &good.key_file, open(&missing)),
        (&good.cert_file, &missing, open(&missing)),
        (&directory, &good.key_file, format!("read {}: is a directory", directory.display())),
        (&garbage, &good.key_file, "tls: failed to find any PEM data in certificate input".into()),
        (&good.cert_file, &garbage, "tls: failed to find any PEM data in key input".into()),
        (&good.cert_file, &other.key_file, "tls: private key does not match public key".into()),
        (&good.cert_file, &ed25519, "tls: private key type does not match public key type".into()),
        (
            &good.key_file,
            &good.cert_file,
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs \
             may have been switched"
                .into(),
        ),
        (
            &good.cert_file,
            &good.cert_file,
            "tls: found a certificate rather than a key in the PEM for the private key".into(),
        ),
        (
            &good.cert_file,
            &encrypted,
            "tls: failed to parse private key: encrypted private keys are not supported, write it in clear first \
             (openssl pkey -in FILE -out FILE)"
                .into(),
        ),
    ];
    for (cert_file, key_file, text) in cases {
        let pair = CertificatePair { cert_file: cert_file.clone(), key_file: key_file.clone() };
        assert_eq!(load_error(&options(pair)), format!("error parsing X509 certificate/key pair: {text}"));
    }
    let with_authorities =
        |path: &std::path::Path| TlsOptions { verify: true, ca_file: Some(path.to_owned()), ..options(good.clone()) };
    assert_eq!(load_error(&with_authorities(&missing)), open(&missing));
    for path in [&garbage, &good.key_file] {
        assert_eq!(load_error(&with_authorities(path)), "failed to parse root ca certificate");
    }
    assert_eq!(load_error(&TlsOptions::default()), "missing 'cert_file' in TLS configuration");
}

#[test]
fn keys_may_be_in_the_sec1_format() {
    let authority = Authority::new();
    let pair = authority.issue("server", "a.test");
    let pkcs8 = std::fs::read_to_string(&pair.key_file).unwrap();
    let body: String = pkcs8.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    // PKCS#8 is a version, an algorithm, and the SEC1 key in an octet string.
    let (_, sequence) = x509_parser::der_parser::parse_der(&der).unwrap();
    let sec1 = sequence.as_sequence().unwrap()[2].as_slice().unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(sec1);
    replace(&pair.key_file, &format!("-----BEGIN EC PRIVATE KEY-----\n{text}\n-----END EC PRIVATE KEY-----\n"));
    load(&options(pair));
}
