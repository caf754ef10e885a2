//! A web server with tokens of accounts that speaks TLS and asks who is there.

use nkeys::KeyPair;
use serde_json::json;
use troupe_tests::certs::{CertFiles, Certs};
use troupe_tests::process::{ServerProcess, troupe_binary};
use troupe_tests::wait::eventually;
use troupe_tests::{Config, on_both, reference};

use super::asker::may_enter;
use super::tokens::{World, showing};
use super::web::Web;

fn serve(world: &World, certs: &Certs) -> Web {
    let tokens = [(&world.system, "SYS"), (&world.one, "ONE")];
    let tokens = tokens.map(|(key, name)| (key.public_key(), world.account(key, name, json!({}))));
    Web::serve_over_tls(tokens, certs)
}

/// A configuration whose resolver trusts the authority in `ca`, and shows `own`.
fn config(world: &World, web: &Web, ca: &Certs, own: Option<CertFiles>) -> String {
    let own = own.map(|own| format!("cert_file: {:?}, key_file: {:?}", own.cert, own.key)).unwrap_or_default();
    format!(
        "operator: {}\nresolver: URL({})\nresolver_tls {{ ca_file: {:?}\n {own} }}\n",
        world.operator_token(),
        web.url(),
        ca.ca()
    )
}

#[test]
fn accounts_come_over_tls() {
    let (world, certs) = (World::new(), Certs::generate());
    let web = serve(&world, &certs);
    let client = certs.client();
    on_both(config(&world, &web, &certs, Some(client)), |server| {
        let asked = web.num_asked(&world.one.public_key());
        let user = KeyPair::new_user();
        let options = showing(&world.user(&world.one, &user, json!({}), json!({})), &user);
        assert!(may_enter(server.address(), &options, &user), "{}", server.name());
        assert_eq!(web.num_asked(&world.one.public_key()), asked + 1, "{}", server.name());
    });
}

#[test]
fn both_sides_are_checked() {
    let (world, certs, others) = (World::new(), Certs::generate(), Certs::generate());
    let web = serve(&world, &certs);
    let cases = [
        (config(&world, &web, &certs, None), "could not fetch <\"https://"),
        (config(&world, &web, &certs, Some(certs.stranger())), "could not fetch <\"https://"),
        (config(&world, &web, &others, Some(certs.client())), "could not fetch <\"https://"),
    ];
    for binary in reference::binary().into_iter().chain([troupe_binary()]) {
        for (config, words) in &cases {
            let mut process = ServerProcess::spawn(&binary, &Config::new(config.clone()));
            assert!(!process.wait_exit().success(), "{}", binary.display());
            eventually(words, || process.log().iter().any(|line| line.contains(words)).then_some(()));
        }
    }
}
