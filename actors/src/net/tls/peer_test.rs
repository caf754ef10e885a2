//! Certificates made with OpenSSL; everything expected was read off nats-server 2.15.1 (connz, and the debug lines of
//! `verify_and_map`).

use rustls_pki_types::pem::PemObject;

use super::*;
use troupe_engine::auth::{DistinguishedName, NameCandidate};

macro_rules! certificate {
    ($name:literal) => {
        PeerCertificate::new(
            CertificateDer::from_pem_slice(include_bytes!(concat!("testdata/", $name, ".pem"))).unwrap(),
        )
    };
}

#[test]
fn facts_for_connz() {
    let cases = [
        (
            certificate!("client"),
            "CN=derek,OU=NATS.io+OU=Eng,O=NATS,L=Los Angeles,ST=CA,C=US,\
             0.9.2342.19200300.100.1.25=com,0.9.2342.19200300.100.1.25=example",
            "e13c30ee98eedea53c6dc3f0ab3dbbf5a6296ea6c8baaedddcb62e12aa86cf56",
            "a8d5e71e9e1d1ec47d83ae52f1a955421f6b4a175a8916432c2fd1ad1e231867",
        ),
        (
            certificate!("full"),
            "SERIALNUMBER=77,CN=b,OU=u1,O=o1+O=o2,POSTALCODE=90210,STREET=Main 1,L=Los,ST=CA,C=US,\
             1.2.840.113549.1.9.1=x@y.z,0.9.2342.19200300.100.1.1=uu,2.5.4.4=Sur,2.5.4.42=Given,2.5.4.12=T",
            "7ef8bdca4122092f64152e657a010ed45962866641bca8730ac359a66c9a3ad6",
            "78fd49cd179c1c54570905f9dfc9066aa67e582c90dd7bfe965646e90b2a4c91",
        ),
        (
            certificate!("esc"),
            "CN=we\\,ird \\\"q\\\"\\ ,OU=trail\\ ,O=\\ lead,L=\\#hash",
            "4c28d35c9257740ec20c36f0b90f9dd6d8f85215becc0c7017f5267866a68016",
            "7761b66612138d503e3aeedb5288ca2572ccac90818210b8298d685ecc4b0dfe",
        ),
        (
            certificate!("oid"),
            "CN=x,0.9.2342.19200300.100.1.25=d1,1.2.3.4=abc",
            "f1964d4d7ebe5515029259722fd01aa59010fb8a02da797c17798c226b93e702",
            "7cac6430150f20bb702f28d0bc8112e29594c28286f69f0c6c07724decc79eb0",
        ),
    ];
    for (certificate, subject, spki, sha256) in cases {
        assert_eq!(certificate.subject(), subject);
        assert_eq!((certificate.spki_sha256().as_str(), certificate.sha256().as_str()), (spki, sha256));
    }
}

#[test]
fn names_come_in_the_order_nats_server_tries_them() {
    let names = certificate!("client").names().candidates();
    let shown: Vec<_> = names.iter().map(|name| name.user().unwrap_or("(subject)")).collect();
    let subject = "CN=derek,OU=NATS.io+OU=Eng,O=NATS,L=Los Angeles,ST=CA,C=US";
    let with_domain = format!("{subject},DC=example,DC=com");
    assert_eq!(
        shown,
        ["derek@nats.io", "d2@nats.io", "derek.host", "spiffe://x/y", "(subject)", &with_domain, subject]
    );
    let unused: Vec<_> = names.iter().filter_map(NameCandidate::unused_text).collect();
    assert_eq!(
        unused,
        [
            format!("DistinguishedNameMatch could not be used for auth [\"{subject}\"]"),
            format!("RDNSequence could not be used for auth [\"{with_domain}\"]"),
            format!("User in cert [\"{subject}\"], not found"),
        ]
    );
    assert_eq!(names[3].used_text("spiffe://x/y"), "Using URI found in cert for auth [\"spiffe://x/y\"]");
}

#[test]
fn a_subject_is_found_in_any_order() {
    let names = certificate!("client").names().candidates();
    let Some(NameCandidate::Subject { name, .. }) = names.iter().find(|name| name.user().is_none()) else { panic!() };
    let cases = [
        ("CN=derek,OU=NATS.io,OU=Eng,O=NATS,L=Los Angeles,ST=CA,C=US,DC=example,DC=com", true),
        ("DC=com,DC=example,CN=derek,OU=Eng,OU=NATS.io,O=NATS,L=Los Angeles,ST=CA,C=US", true),
        ("CN=derek,OU=NATS.io+OU=Eng,O=NATS,L=Los Angeles,ST=CA,C=US", false),
        ("CN=derek,OU=NATS.io,OU=Eng,O=NATS,L=Los Angeles,ST=CA,C=US", false),
    ];
    for (user, found) in cases {
        let user_name = DistinguishedName::parse(user).unwrap();
        assert_eq!(user_name.matches_in_any_order(name), found, "{user}");
    }
}

#[test]
fn a_subject_with_other_attributes_is_only_text() {
    for certificate in [certificate!("full"), certificate!("multi"), certificate!("oid")] {
        assert!(certificate.names().candidates().iter().all(|name| name.user().is_some()));
    }
    assert!(certificate!("std").names().candidates().iter().any(|name| name.user().is_none()));
    assert_eq!(certificate!("multi").names().candidates(), [NameCandidate::SubjectText("CN=mm,O=x".into())]);
    assert_eq!(certificate!("dnsonly").names().candidates()[0], NameCandidate::Dns("Foo.Example.com".into()));
}
