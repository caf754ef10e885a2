//! `/actorz`: the supervision tree.

use troupe_tests::Server;

use crate::stage::{MONITOR, document, document_when, join};

#[test]
fn every_actor_is_listed() {
    let server = Server::troupe(MONITOR);
    let _client = join(&server, "");
    let actorz = document(&server, "/actorz");
    let actors = actorz["actors"].as_array().expect("a list");
    for kind in ["router", "monitor", "listener"] {
        let actor = actors.iter().find(|actor| actor["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {actorz}"));
        assert_eq!(
            (&actor["state"], &actor["policy"], &actor["epoch"], &actor["restarts"]),
            (&"running".into(), &"always".into(), &1.into(), &0.into()),
            "{kind}"
        );
        assert!(actor["running_since"].is_string());
    }
    let group = &actorz["groups"][0];
    assert_eq!((&group["kind"], &group["running"], &group["failed"]), (&"client".into(), &1.into(), &0.into()));
    assert!(actorz["arbiters"].as_array().is_some_and(|arbiters| !arbiters.is_empty()));
    assert_eq!(actorz["queues"]["Router changes"]["pending"], 0);
    document_when(&server, "/actorz", |actorz| actorz["actors"][0]["progress"].as_u64() > Some(0));
}
