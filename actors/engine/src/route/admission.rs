//! Which servers a certificate lets in.

use crate::auth::{CertificateNames, NameCandidate};
use crate::options::ClusterOptions;

/// Whether certificates decide who may enter, and not passwords.
#[must_use]
pub fn is_by_certificate(cluster: &ClusterOptions) -> bool {
    cluster.tls.as_ref().is_some_and(|tls| tls.verify_and_map || tls.checks_known_urls)
}

/// Whether a certificate names the configured user, or the host of a configured route, as far as these are asked for.
#[must_use]
pub fn is_admitted(names: &CertificateNames, cluster: &ClusterOptions) -> bool {
    let Some(tls) = &cluster.tls else { return false };
    names.candidates().iter().any(|candidate| {
        let (text, is_host) = match candidate {
            NameCandidate::Dns(text) => (text, true),
            NameCandidate::Email(text)
            | NameCandidate::Uri(text)
            | NameCandidate::SubjectWithDomain(text)
            | NameCandidate::SubjectText(text) => (text, false),
            NameCandidate::Subject { .. } => return false,
        };
        let is_known = || cluster.routes.iter().any(|url| is_host_of(text, &url.host));
        !text.is_empty()
            && (tls.checks_known_urls && is_host && is_known()
                || tls.verify_and_map && cluster.username.as_ref() == Some(text))
    })
}

/// Whether a name of a certificate is that of `host`. An asterisk stands for the first label and no other.
fn is_host_of(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(rest), Some((_, host_rest))) => rest == host_rest,
        _ => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{RouteUrl, TlsOptions};

    fn cluster(maps: bool, checks_known_urls: bool) -> ClusterOptions {
        let tls = TlsOptions { verify_and_map: maps, checks_known_urls, ..TlsOptions::default() };
        ClusterOptions {
            tls: Some(tls),
            username: Some("ruser".to_owned()),
            routes: ["nats-route://N1.example.com:6222", "nats-route://10.0.0.1:6222"]
                .iter()
                .filter_map(|url| RouteUrl::parse(url))
                .collect(),
            ..ClusterOptions::default()
        }
    }

    fn hosts(names: &[&str]) -> CertificateNames {
        CertificateNames { dns_names: names.iter().map(|&name| name.to_owned()).collect(), ..Default::default() }
    }

    #[test]
    fn hosts_of_configured_routes_are_known() {
        let cluster = cluster(false, true);
        assert!(is_by_certificate(&cluster));
        for (name, is_known) in [
            ("n1.example.com", true),
            ("*.EXAMPLE.com", true),
            ("*.com", false),
            ("*.n1.example.com", false),
            ("n2.example.com", false),
            ("ruser", false),
            ("", false),
        ] {
            assert_eq!(is_admitted(&hosts(&[name]), &cluster), is_known, "{name}");
        }
        assert!(is_admitted(&hosts(&["other", "n1.example.com"]), &cluster));
        assert!(!is_admitted(&CertificateNames::default(), &cluster));
    }

    #[test]
    fn a_certificate_may_name_the_user() {
        let mapped = cluster(true, false);
        assert!(is_admitted(&hosts(&["ruser"]), &mapped));
        assert!(!is_admitted(&hosts(&["n1.example.com"]), &mapped));
        let mail = CertificateNames { emails: vec!["ruser".to_owned()], ..Default::default() };
        assert!(is_admitted(&mail, &mapped));
        assert!(!is_by_certificate(&cluster(false, false)));
    }
}
