//! Cipher suites and key exchange groups under the names Go and nats-server's configuration give them.

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{cipher_suite as suite, kx_group};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SupportedCipherSuite};

use super::TlsConfigError;

/// Suites of TLS 1.3; as in Go, `cipher_suites` does not choose among them. AES-128 first, as Go prefers.
static TLS13: [SupportedCipherSuite; 3] =
    [suite::TLS13_AES_128_GCM_SHA256, suite::TLS13_AES_256_GCM_SHA384, suite::TLS13_CHACHA20_POLY1305_SHA256];

/// Suites of TLS 1.2, in Go's order of preference.
static TLS12: [SupportedCipherSuite; 6] = [
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Suites nats-server knows that are not built here: CBC, RC4, 3DES, and key transport by RSA.
const UNSUPPORTED_SUITES: [&str; 16] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// Groups under their Go names, in order of preference.
static GROUPS: [(&str, &dyn SupportedKxGroup); 5] = [
    ("X25519MLKEM768", kx_group::X25519MLKEM768),
    ("SecP256r1MLKEM768", kx_group::SECP256R1MLKEM768),
    ("X25519", kx_group::X25519),
    ("CurveP256", kx_group::SECP256R1),
    ("CurveP384", kx_group::SECP384R1),
];

/// Groups nats-server knows that are not built here.
const UNSUPPORTED_GROUPS: [&str; 2] = ["CurveP521", "SecP384r1MLKEM1024"];

/// A choice, and warnings for values that were left out of it.
pub type Choice<T> = (Vec<T>, Vec<String>);

/// The suites to offer for the configured names; none configured is all.
///
/// A suite that exists and is not supported is left out with a warning, as the others still serve; when a list
/// names suites of TLS 1.2 and none is left, it is refused. A list of TLS 1.3 suites alone ends TLS 1.2.
///
/// # Errors
/// An unknown name, or nothing left.
pub fn cipher_suites(names: &[String]) -> Result<Choice<SupportedCipherSuite>, TlsConfigError> {
    if names.is_empty() {
        return Ok((TLS13.iter().chain(&TLS12).copied().collect(), Vec::new()));
    }
    let mut chosen = TLS13.to_vec();
    let mut warnings = Vec::new();
    for name in names {
        let found = |suites: &[SupportedCipherSuite]| suites.iter().copied().find(|s| suite_name(s.suite()) == name);
        match (found(&TLS12), found(&TLS13)) {
            (Some(suite), _) => chosen.push(suite),
            (None, Some(_)) => {}
            (None, None) if UNSUPPORTED_SUITES.contains(&name.as_str()) => {
                warnings.push(format!("TLS cipher suite {name} is not supported and is left out"));
            }
            _ => return Err(TlsConfigError::UnknownCipher(name.clone())),
        }
    }
    match chosen.len() == TLS13.len() && !warnings.is_empty() {
        true => Err(TlsConfigError::NoneSupported { option: "cipher_suites", names: names.to_vec() }),
        false => Ok((chosen, warnings)),
    }
}

/// The key exchange groups for the configured names, in that order; none configured is all. Unsupported ones are
/// left out with a warning.
///
/// # Errors
/// An unknown name, or nothing left.
pub fn key_exchange_groups(names: &[String]) -> Result<Choice<&'static dyn SupportedKxGroup>, TlsConfigError> {
    if names.is_empty() {
        return Ok((GROUPS.iter().map(|(_, group)| *group).collect(), Vec::new()));
    }
    let mut chosen: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    let mut warnings = Vec::new();
    for name in names {
        match GROUPS.iter().find(|(known, _)| known == name) {
            Some((_, group)) => chosen.push(*group),
            None if UNSUPPORTED_GROUPS.contains(&name.as_str()) => {
                warnings.push(format!("TLS curve {name} is not supported and is left out"));
            }
            None => return Err(TlsConfigError::UnknownCurve(name.clone())),
        }
    }
    match chosen.is_empty() {
        true => Err(TlsConfigError::NoneSupported { option: "curve_preferences", names: names.to_vec() }),
        false => Ok((chosen, warnings)),
    }
}

/// Go's name of a suite, as in logs and `tls_cipher_suite` of connz.
#[must_use]
pub fn suite_name(suite: CipherSuite) -> &'static str {
    let name = suite.as_str().unwrap_or("unknown");
    // The library alone writes TLS13_; the registry and Go write TLS_.
    match name {
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        other => other,
    }
}

/// Go's name of a version, as in logs and `tls_version` of connz.
#[must_use]
pub fn version_name(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_3 => "1.3",
        ProtocolVersion::TLSv1_2 => "1.2",
        _ => "unknown",
    }
}

/// Go's name of a group.
#[must_use]
pub fn group_name(group: NamedGroup) -> &'static str {
    GROUPS.iter().find(|(_, known)| known.name() == group).map_or("unknown", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    fn suites(list: &[&str]) -> Vec<&'static str> {
        cipher_suites(&names(list)).unwrap().0.iter().map(|s| suite_name(s.suite())).collect()
    }

    #[test]
    fn names_are_those_of_go() {
        assert_eq!(suites(&[])[0], "TLS_AES_128_GCM_SHA256");
        assert_eq!(suites(&[]).len(), 9);
        assert_eq!(suites(&["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"])[3..], ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]);
        assert_eq!(suites(&["TLS_CHACHA20_POLY1305_SHA256"]).len(), 3);
        for (name, group) in GROUPS {
            assert_eq!(group_name(group.name()), name);
        }
    }

    #[test]
    fn what_is_not_built_is_said() {
        let (chosen, warnings) =
            cipher_suites(&names(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"]))
                .unwrap();
        assert_eq!((chosen.len(), warnings.len()), (4, 1));
        let cases = [
            (
                vec!["TLS_RSA_WITH_AES_128_CBC_SHA"],
                "none of the configured cipher_suites is supported: TLS_RSA_WITH_AES_128_CBC_SHA",
            ),
            (vec!["FOO"], "unrecognized cipher FOO"),
            (vec!["tls_aes_128_gcm_sha256"], "unrecognized cipher tls_aes_128_gcm_sha256"),
        ];
        for (list, text) in cases {
            assert_eq!(cipher_suites(&names(&list)).unwrap_err().to_string(), text);
        }
        let (chosen, warnings) = key_exchange_groups(&names(&["CurveP521", "CurveP256"])).unwrap();
        assert_eq!((chosen.len(), warnings[0].as_str()), (1, "TLS curve CurveP521 is not supported and is left out"));
        let cases = [
            (vec!["CurveP521"], "none of the configured curve_preferences is supported: CurveP521"),
            (vec!["x25519"], "unrecognized curve preference x25519"),
        ];
        for (list, text) in cases {
            assert_eq!(key_exchange_groups(&names(&list)).unwrap_err().to_string(), text);
        }
    }
}
