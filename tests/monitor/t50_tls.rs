//! The monitor over TLS, and what it tells of clients that use TLS.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use troupe_tests::Server;
use troupe_tests::certs::{CertFiles, Certs};

use crate::document::differences;
use crate::http::get_tls;
use crate::stage::{MONITOR, document_when, monitor};

const SECURE: &str = "https: \"127.0.0.1:-1\"\nserver_name: stage\n";

fn client(certs: &Certs, own: Option<CertFiles>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certs.ca()).expect("a certificate")).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let chain = vec![CertificateDer::from_pem_file(files.cert).expect("a certificate")];
            let key = PrivateKeyDer::from_pem_file(files.key).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("they belong together")
        }
    })
}

#[test]
fn documents_come_over_tls_without_a_certificate_of_the_client() {
    let certs = Certs::generate();
    let config = format!("{SECURE}{}", certs.tls_block("verify: true"));
    let Some(reference) = Server::reference(&*config) else { return };
    let troupe = Server::troupe(&*config);
    assert!(troupe.wait_log("monitor on").contains("Starting https monitor on 127.0.0.1:"));
    let trusting = client(&certs, None);
    let [wanted, found] =
        [&reference, &troupe].map(|server| get_tls(monitor(server), "/varz", &trusting).expect("an answer").json());
    let different = differences("/varz", &wanted, &found);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn certificates_of_clients_may_be_asked_for() {
    let certs = Certs::generate();
    let server = Server::troupe(format!("{SECURE}{}http_auth {{ verify: true }}\n", certs.tls_block("")));
    let ask = |own| get_tls(monitor(&server), "/varz", &client(&certs, own)).map(|answer| answer.status);
    assert_eq!(ask(Some(certs.client())), Some(200));
    assert_eq!(ask(Some(certs.stranger())), None);
    assert_eq!(ask(None), None);
}

#[test]
fn connections_over_tls_show_version_cipher_and_certificates() {
    let certs = Certs::generate();
    let config = format!("{MONITOR}{}", certs.tls_block("verify: true\n handshake_first: true"));
    let Some(reference) = Server::reference(&*config) else { return };
    let troupe = Server::troupe(&*config);
    let own = client(&certs, Some(certs.client()));
    let mut open = Vec::new();
    let documents = [&reference, &troupe].map(|server| {
        let connection = ClientConnection::new(Arc::clone(&own), "localhost".try_into().expect("a name"));
        let socket = TcpStream::connect(server.address()).expect("connects");
        let mut stream = StreamOwned::new(connection.expect("a connection"), socket);
        std::io::Write::write_all(&mut stream, b"CONNECT {\"verbose\":false,\"name\":\"tls\"}\r\nPING\r\n")
            .expect("writes");
        open.push(stream);
        document_when(server, "/connz?auth=1", |connz| connz["connections"][0]["name"] == "tls")
    });
    let mut different = differences("/connz", &documents[0], &documents[1]);
    // Two libraries need not agree on the cipher; both name it as Go does.
    different.retain(|text| !text.contains("tls_cipher_suite"));
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(documents[1]["connections"][0]["tls_cipher_suite"].as_str().is_some_and(|name| name.starts_with("TLS_")));
}

#[test]
fn a_certificate_of_another_authority_with_the_same_name_is_of_an_unknown_authority() {
    let certs = Certs::generate();
    let others = Certs::generate();
    let config = format!("{MONITOR}{}", certs.tls_block("verify: true\n handshake_first: true"));
    let own = client(&certs, Some(others.client()));
    for server in [Server::reference(&*config), Some(Server::troupe(&*config))].into_iter().flatten() {
        let connection = ClientConnection::new(Arc::clone(&own), "localhost".try_into().expect("a name"));
        let socket = TcpStream::connect(server.address()).expect("connects");
        let mut stream = StreamOwned::new(connection.expect("a connection"), socket);
        let refusal = std::io::Read::read_to_end(&mut stream, &mut Vec::new()).expect_err("it is refused");
        assert!(refusal.to_string().contains("UnknownCA"), "{}: {refusal}", server.name());
    }
}
