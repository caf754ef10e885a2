//! `http_auth`: who may use the monitor.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use troupe_tests::Server;
use troupe_tests::wait::eventually;

use crate::http::{get, get_with};
use crate::stage::{MONITOR, monitor};

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

fn status(server: &Server, path: &str, authorization: &str) -> u16 {
    get_with(monitor(server), path, &[("Authorization", authorization)]).status
}

#[test]
fn a_password_or_a_token_opens_every_path() {
    let hash = bcrypt::hash("secret", 4).expect("hashes");
    for password in ["secret", &*hash] {
        let auth = format!("http_auth {{ user: ops, password: {password:?}, token: t0k }}\n");
        let server = Server::troupe(format!("{MONITOR}{auth}"));
        for path in ["/", "/varz", "/connz", "/metrics", "/healthz", "/nothing", "/dashboard"] {
            let refused = get(monitor(&server), path);
            assert_eq!(refused.status, 401, "{path}");
            assert!(refused.header("www-authenticate").starts_with("Basic realm="), "{path}");
        }
        assert_eq!(status(&server, "/varz", &basic("ops:secret")), 200);
        assert_eq!(status(&server, "/varz", "Bearer t0k"), 200);
        for wrong in [&*basic("ops:Secret"), &*basic("op:secret"), "Bearer t", "Basic ?", "t0k", ""] {
            assert_eq!(status(&server, "/varz", wrong), 401, "{wrong}");
        }
    }
}

#[test]
fn the_health_check_may_stay_open() {
    let server = Server::troupe(format!("{MONITOR}http_auth {{ token: t, public_healthz: true }}\n"));
    // It says 500 until every listener is open.
    eventually("an open health check", || (get(monitor(&server), "/healthz").status == 200).then_some(()));
    assert_eq!(get(monitor(&server), "/varz").status, 401);
    assert_eq!(status(&server, "/dashboard", &basic("whoever:t")), 200);
}

#[test]
fn a_reload_changes_the_password() {
    let config = |password: &str| format!("{MONITOR}http_auth {{ user: u, password: {password} }}\n");
    let server = Server::troupe(config("one"));
    assert_eq!(status(&server, "/varz", &basic("u:one")), 200);
    server.reload(config("two"));
    server.wait_log("Reloaded: http_auth");
    assert_eq!(status(&server, "/varz", &basic("u:one")), 401);
    assert_eq!(status(&server, "/varz", &basic("u:two")), 200);
}
