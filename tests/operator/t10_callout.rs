//! A service that says who may enter, without operators.

use nkeys::{KeyPair, XKey};
use serde_json::{Value, json};
use troupe_tests::compare::compare_beside;
use troupe_tests::{A, B, Config, Script, Server, script};

use super::service::{Asked, Entry, Service};
use super::tokens::{now, token};

const ACCOUNTS: &str = "accounts { AUTH { users: [{user: auth, password: auth}, {user: other, password: other}] }, APP { users: [{user: known, password: known}], default_permissions { publish { deny: \"never\" } }, mappings { old: new } }, SMALL { limits { max_connections: 1 } }, SYS { users: [{user: sys, password: sys}] } }\nsystem_account: SYS\n";

/// How the service enters as the user `auth`.
pub(crate) fn entry() -> Entry {
    Entry { options: "\"user\":\"auth\",\"pass\":\"auth\"".to_owned(), signer: None, curve: None }
}

fn config(issuer: &KeyPair, more: &str) -> String {
    format!(
        "server_name: S\nserver_tags: [\"a:b\"]\ndebug: true\n{ACCOUNTS}authorization {{ timeout: 1, auth_callout {{ issuer: {}, account: AUTH, auth_users: [auth, sys]{more} }} }}\n",
        issuer.public_key()
    )
}

/// What is answered to the user called so in CONNECT.
fn answer(issuer: &KeyPair, stranger: &KeyPair, asked: &Asked) -> Option<Vec<u8>> {
    let key = asked.text("", "user_nkey");
    let server = asked.text("server_id", "id");
    let jwt = |jwt: String| asked.answer(issuer, json!({ "jwt": jwt }));
    let with = |more: Value| jwt(asked.user(issuer, "APP", more));
    let lasting = |extra: Value| jwt(asked.user_as(issuer, &key, json!({}), extra));
    let other_user = KeyPair::new_user().public_key();
    let response = |sub: &str, aud: &str| {
        let body = json!({"type": "authorization_response", "version": 2, "jwt": asked.user(issuer, "APP", json!({}))});
        token(issuer, sub, "", body, json!({ "aud": aud })).into_bytes()
    };
    Some(match asked.text("connect_opts", "user").as_str() {
        "silent" => return None,
        "rights" => with(json!({"pub": {"allow": ["a"]}, "sub": {"deny": ["x"]}})),
        "empty" => Vec::new(),
        "refused" => asked.answer(issuer, json!({"error": "no way"})),
        "garbage" => b"hello".to_vec(),
        "nothing" => asked.answer(issuer, json!({})),
        "both" => asked.answer(issuer, json!({"error": "e", "jwt": asked.user(issuer, "APP", json!({}))})),
        "for another user" => response(&other_user, &server),
        "for another server" => response(&key, &KeyPair::new_server().public_key()),
        "for no server" => response(&key, "foo"),
        "signed by a stranger" => asked.answer(stranger, json!({"jwt": asked.user(issuer, "APP", json!({}))})),
        "user of a stranger" => jwt(asked.user(stranger, "APP", json!({}))),
        "another user" => jwt(asked.user_as(issuer, &other_user, json!({}), json!({"aud": "APP"}))),
        "no such account" => jwt(asked.user(issuer, "NOPE", json!({}))),
        "no account" => jwt(asked.user(issuer, "", json!({}))),
        "expired" => lasting(json!({"aud": "APP", "exp": now() - 5})),
        "not yet" => lasting(json!({"aud": "APP", "nbf": now() + 500})),
        "short" => lasting(json!({"aud": "APP", "exp": now() + 2})),
        "wrong time" => with(json!({"times": [{"start": "00:00:00", "end": "00:00:01"}]})),
        "bad time" => with(json!({"times": [{"start": "zz", "end": "00:00:01"}]})),
        "issuer account" => with(json!({"issuer_account": issuer.public_key()})),
        "proxy" => with(json!({"proxy_required": true})),
        "small" => jwt(asked.user(issuer, "SMALL", json!({}))),
        "global" => jwt(asked.user(issuer, "$G", json!({}))),
        "callout" => jwt(asked.user(issuer, "AUTH", json!({}))),
        "unknown type" => with(json!({"allowed_connection_types": ["FOO"]})),
        "a user" => asked.user(issuer, "APP", json!({})).into_bytes(),
        "no token" => jwt("abc".to_owned()),
        "an account" => {
            jwt(token(issuer, &issuer.public_key(), "A", json!({"type": "account", "version": 2}), json!({})))
        }
        "bad right" => with(json!({"pub": {"allow": ["a b"]}})),
        _ => with(json!({})),
    })
}

fn login(user: &str) -> String {
    format!("\"user\":\"{user}\",\"pass\":\"pw\"")
}

#[test]
fn what_the_service_answers_counts() {
    let (issuer, stranger) = (KeyPair::new_account(), KeyPair::new_account());
    let keys = [issuer.seed().expect("a seed"), stranger.seed().expect("a seed")];
    let beside = move |server: &Server| {
        let [issuer, stranger] = keys.clone().map(|seed| KeyPair::from_seed(&seed).expect("a seed"));
        Service::start(server, &entry(), move |asked| answer(&issuer, &stranger, asked))
    };
    let try_it = |user: &str| -> Script {
        script(user.to_owned()).quiet_with(A, &login(user)).flush(
            A,
            "SUB a 1\r\nSUB x 2\r\nSUB new 3\r\nPUB a 1\r\nx\r\nPUB old 1\r\nx\r\nPUB never 1\r\nx\r\nPUB $SYS.REQ.USER.AUTH 1\r\nx\r\n",
        )
    };
    let refused = |user: &str, why: &str| -> Script {
        script(user.to_owned()).quiet_with(A, &login(user)).until_closed(A).log(why)
    };
    compare_beside(
        Config::new(config(&issuer, "")),
        [
            try_it("good"),
            try_it("rights"),
            try_it("global"),
            script("callout").quiet_with(A, &login("callout")).flush(A, "PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n"),
            script("nobody is asked about the service")
                .quiet_with(A, "\"user\":\"auth\",\"pass\":\"auth\"")
                .flush(A, "PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n"),
            script("nor about it with a wrong password")
                .quiet_with(A, "\"user\":\"auth\",\"pass\":\"no\"")
                .until_closed(A),
            refused("silent", "Authorization callout response not received in time on account \"AUTH\""),
            refused("empty", "Auth callout violation: \"no reason supplied\" on account \"AUTH\""),
            refused("refused", "Auth callout service returned an error: no way"),
            refused("garbage", "[WRN] Expected 3 chunks"),
            refused("nothing", "Authorization response had validation errors: Error or Jwt is required"),
            refused("both", "Authorization response had validation errors: Only Error or Jwt can be set"),
            refused("for another user", "Auth callout violation: auth callout response is not for expected user"),
            refused("for another server", "Auth callout violation: auth callout response is not for server"),
            refused(
                "for no server",
                "Authorization response had validation errors: Audience must be a server public key",
            ),
            refused("signed by a stranger", "Auth callout signing key is unknown"),
            refused("user of a stranger", "Wrong issuer for auth callout response on account \"AUTH\", expected \""),
            refused("another user", "Expected authorized user of \"U"),
            refused(
                "no such account",
                "No valid account \"NOPE\" for auth callout response on account \"AUTH\": account missing",
            ),
            refused(
                "no account",
                "No valid account \"\" for auth callout response on account \"AUTH\": account missing",
            ),
            refused("expired", "Error validating user JWT: claim is expired"),
            refused("not yet", "Error validating user JWT: claim is not yet valid"),
            refused("wrong time", "Authorized user on account \"AUTH\" outside of valid connect times"),
            refused("bad time", "Error validating user JWT: start in time range is invalid \"zz\""),
            refused("issuer account", "Error non operator mode account \"AUTH\": attempted to use issuer_account"),
            refused("proxy", "Proxy connection required"),
            refused("unknown type", "Authorized user on account \"AUTH\" using invalid connection type"),
            refused("a user", "Not an authorization request claim"),
            refused("no token", "[WRN] Expected 3 chunks"),
            refused("an account", "Not user claim"),
            refused(
                "bad right",
                "Error validating user JWT: Permission Subject \"a b\" is not allowed to contain queue",
            ),
            script("for two seconds").quiet_with(A, &login("short")).until_closed(A),
            script("a full account").quiet_with(A, &login("small")).quiet_with(B, &login("small")).until_closed(B),
        ],
        beside,
    );
}

/// What both servers ask about the same connection.
fn requests(config: &str, entry: &Entry, options: &[&str]) -> Option<[Vec<Value>; 2]> {
    let reference = Server::reference(Config::new(config))?;
    let troupe = Server::troupe(Config::new(config));
    Some([reference, troupe].map(|server| {
        let seal = entry.curve.clone();
        let service = Service::start(&server, entry, move |asked| {
            assert_eq!(asked.server_xkey.is_some(), seal.is_some());
            Some(asked.answer(&KeyPair::new_account(), json!({"error": "no"})))
        });
        for options in options {
            let mut client = server.connect();
            client.send(format!("CONNECT {{\"verbose\":false,{options}}}\r\nPING\r\n"));
            client.wait_closed();
        }
        let asked = service.asked.lock().expect("no panic").clone();
        asked.into_iter().map(masked).collect()
    }))
}

/// Without what differs by nature.
fn masked(mut claims: Value) -> Value {
    let lives = claims["exp"].as_i64().unwrap_or_default() - claims["iat"].as_i64().unwrap_or_default();
    assert!(claims["jti"].as_str().is_some_and(|id| id.len() == 52), "{claims}");
    assert_eq!(claims["iss"], claims["nats"]["server_id"]["id"]);
    for name in ["jti", "iat", "exp", "iss"] {
        claims[name] = json!("<>");
    }
    claims["lives"] = json!(lives);
    claims["nats"]["server_id"]["id"] = json!("<>");
    claims["nats"]["user_nkey"] = json!("<>");
    claims["nats"]["client_info"]["id"] = json!("<>");
    for (block, name) in [("client_info", "nonce"), ("server_id", "xkey")] {
        let value = &mut claims["nats"][block];
        if value.get(name).is_some() {
            value[name] = json!("<>");
        }
    }
    claims
}

#[test]
fn requests_say_the_same() {
    let (issuer, curve) = (KeyPair::new_account(), XKey::new());
    let options = [
        "\"user\":\"a\",\"pass\":\"b\",\"name\":\"me\",\"lang\":\"raw\",\"version\":\"1.2\",\"protocol\":1",
        "\"auth_token\":\"t\"",
        "\"nkey\":\"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4\",\"sig\":\"abc\"",
        "\"user\":\"known\",\"pass\":\"known\"",
        "\"user\":\"known\",\"pass\":\"wrong\"",
        "\"lang\":\"\"",
        "\"jwt\":\"a.b.c\"",
    ];
    for (more, curve) in [
        (String::new(), None),
        (format!(", xkey: {}", curve.public_key()), Some(curve.seed().expect("a seed"))),
        (", allowed_accounts: [APP]".to_owned(), None),
    ] {
        let Some([wanted, got]) = requests(&config(&issuer, &more), &Entry { curve, ..entry() }, &options) else {
            return;
        };
        assert_eq!(wanted.len(), options.len());
        assert_eq!(wanted, got, "{more}");
    }
}

#[test]
fn sealed_answers_are_opened() {
    let (issuer, curve) = (KeyPair::new_account(), XKey::new());
    let seeds = (issuer.seed().expect("a seed"), curve.seed().expect("a seed"));
    let config = Config::new(config(&issuer, &format!(", xkey: {}", curve.public_key())));
    let beside = move |server: &Server| {
        let issuer = KeyPair::from_seed(&seeds.0).expect("a seed");
        let entry = Entry { curve: Some(seeds.1.clone()), ..entry() };
        let seed = seeds.1.clone();
        Service::start(server, &entry, move |asked| {
            let plain = asked.answer(&issuer, json!({"jwt": asked.user(&issuer, "APP", json!({}))}));
            let server = XKey::from_public_key(asked.server_xkey.as_deref()?).ok()?;
            let seal = |own: XKey| own.seal(&plain, &server).ok();
            match asked.text("connect_opts", "user").as_str() {
                "plain" => Some(plain),
                "forged" => seal(XKey::new()),
                _ => seal(XKey::from_seed(&seed).ok()?),
            }
        })
    };
    compare_beside(
        config,
        [
            script("plain").quiet_with(A, &login("plain")),
            script("sealed").quiet_with(A, &login("sealed")),
            script("sealed by a stranger")
                .quiet_with(A, &login("forged"))
                .until_closed(A)
                .log("Error decrypting auth callout response on account \"AUTH\": "),
        ],
        beside,
    );
}

/// Limits, networks and connection types of the answered user hold: nats-server looks at none of them.
#[test]
fn limits_hold() {
    let issuer = KeyPair::new_account();
    let server = Server::troupe(Config::new(config(&issuer, "")));
    let seed = issuer.seed().expect("a seed");
    let _service = Service::start(&server, &entry(), move |asked| {
        let issuer = KeyPair::from_seed(&seed).expect("a seed");
        let more = match asked.text("connect_opts", "user").as_str() {
            "subs" => json!({"subs": 1}),
            "src" => json!({"src": ["192.0.2.0/24"]}),
            _ => json!({"allowed_connection_types": ["WEBSOCKET"]}),
        };
        Some(asked.answer(&issuer, json!({"jwt": asked.user(&issuer, "APP", more)})))
    });
    let mut client = server.connect();
    client.flush(format!("CONNECT {{\"verbose\":false,{}}}\r\nSUB a 1\r\nSUB b 2\r\n", login("subs")));
    client.expect("maximum subscriptions exceeded");
    for user in ["src", "websocket"] {
        let mut client = server.connect();
        client.send(format!("CONNECT {{\"verbose\":false,{}}}\r\n", login(user)));
        client.expect("Authorization Violation");
    }
}
