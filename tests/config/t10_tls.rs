//! The `tls` block.

use super::compare;

#[test]
fn good_blocks_are_accepted() {
    compare(&[
        "tls {}\n",
        "tls { verify: true, timeout: 2.5, connection_rate_limit: 5 }\nallow_non_tls: true\n",
        "tls { handshake_first: auto, min_version: \"1.3\" }\n",
        "tls { handshake_first: \"100ms\", min_version: \"1.2\" }\n",
        "tls { cipher_suites: [TLS_AES_128_GCM_SHA256], curve_preferences: [X25519, CurveP256] }\n",
        "tls { pinned_certs: [\"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069\"] }\n",
    ]);
}

#[test]
fn blocks_inside_of_others_know_all_spellings() {
    compare(&[
        "cluster { name: x, listen: \"127.0.0.1:-1\", tls { FIRST: true, Timeout: 1.5, Verify: true } }\n",
        "cluster { name: x, listen: \"127.0.0.1:-1\", tls { immediate: auto, Certificates: [] } }\n",
        "resolver_tls { Handshake_First: false, INSECURE: true }\n",
        "cluster { name: x, listen: \"127.0.0.1:-1\", tls { Foo: true } }\n",
        "cluster { name: x, listen: \"127.0.0.1:-1\", tls { CERT_FILE: 5 } }\n",
    ]);
}

#[test]
fn bad_blocks_are_refused_in_the_same_words() {
    compare(&[
        "tls: 5\n",
        "tls { foo: 1 }\n",
        "tls { cert_file: none.pem }\n",
        "tls { key_file: none.pem }\n",
        "tls { cert_file: none.pem, key_file: none.pem }\n",
        "tls { ca_file: none.pem }\n",
        "tls { cert_file: 5 }\n",
        "tls { verify: 5 }\n",
        "tls { verify_and_map: 5 }\n",
        "tls { verify_cert_and_check_known_urls: true }\n",
        "tls { cipher_suites: [] }\n",
        "tls { cipher_suites: [foo] }\n",
        "tls { cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA] }\n",
        "tls { curve_preferences: [foo] }\n",
        "tls { curve_preferences: [] }\n",
        "tls { timeout: true }\n",
        "tls { timeout: abc }\n",
        "tls { connection_rate_limit: abc }\n",
        "tls { pinned_certs: abc }\n",
        "tls { pinned_certs: [abc] }\n",
        "tls { handshake_first: abc }\n",
        "tls { handshake_first: 5 }\n",
        "tls { min_version: \"1.1\" }\n",
        "tls { min_version: \"1.9\" }\n",
        "tls { min_version: 1.2 }\n",
        "tls { certs: [5 ] }\n",
        "tls { certs: [{cert_file: none.pem}] }\n",
        "tls { certs: [{cert_file: none.pem, key_file: none.pem, foo: x}] }\n",
        "tls { certs: [{cert_file: none.pem, key_file: none.pem}], cert_file: none.pem }\n",
        "tls { cert_store: \"WindowsLocalMachine\" }\n",
    ]);
}

#[test]
fn authorities_that_are_asked() {
    compare(&[
        "ocsp: true\n",
        "ocsp: false\n",
        "ocsp: auto\n",
        "ocsp: 5\n",
        "ocsp { mode: ALWAYS, url: \"http://a\" }\n",
        "ocsp { mode: never }\n",
        "ocsp { mode: sometimes }\n",
        "ocsp { mode: 5 }\n",
        "ocsp { url: 5 }\n",
        "ocsp { foo: 1 }\n",
        "ocsp_cache: true\n",
        "ocsp_cache: false\n",
        "ocsp_cache: 5\n",
        "ocsp_cache { save_interval: -5 }\n",
        "ocsp_cache { Type: LOCAL, local_store: \"x\", preserve_revoked: true, save_interval: 1.5 }\n",
        "ocsp_cache { type: none, save_interval: \"3m\" }\n",
        "ocsp_cache { type: foo }\n",
        "ocsp_cache { type: 5 }\n",
        "ocsp_cache { local_store: 5 }\n",
        "ocsp_cache { save_interval: abc }\n",
        "ocsp_cache { save_interval: true }\n",
        "ocsp_cache { foo: 1 }\n",
        "tls { verify: true, ocsp_peer: true }\n",
        "tls { ocsp_peer: false }\n",
        "tls { verify: true, ocsp_peer { Verify: true, ca_timeout: 2.5, allowed_clockskew: \"1m\", warn_only: true } }\n",
        "tls { verify: true, ocsp_peer { unknown_is_good: true, allow_when_ca_unreachable: true } }\n",
        "tls { verify: true, ocsp_peer { cache_ttl_when_next_update_unset: -5 } }\n",
        "tls { ocsp_peer: 5 }\n",
        "tls { ocsp_peer { verify: 5 } }\n",
        "tls { ocsp_peer { ca_timeout: abc } }\n",
        "tls { ocsp_peer { ca_timeout: true } }\n",
        "tls { ocsp_peer { foo: true } }\n",
    ]);
}
