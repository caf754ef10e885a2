//! Tokens that let nobody in.

use nkeys::KeyPair;
use serde_json::json;
use troupe_tests::{A, Config, Script, compare, script};

use super::tokens::{World, now, showing, signed};

#[test]
fn forged_expired_revoked() {
    let world = World::new();
    let user = KeyPair::new_user();
    let gone = KeyPair::new_user();
    let stranger = KeyPair::new_account();
    let one = world.one.public_key();
    let good = world.user(&world.one, &user, json!({}), json!({}));
    let mut scoped = json!({"issuer_account": one, "pub": {"allow": ["x"]}});
    let account = json!({
        "revocations": {gone.public_key(): now()},
        "limits": {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1, "disallow_bearer": true},
        "signing_keys": [{"kind": "user_scope", "key": world.scoped.public_key(), "role": "r", "template": {"subs": -1, "data": -1, "payload": -1}}]
    });
    let claims = |user: &KeyPair| json!({"jti": "x", "iat": now(), "iss": one, "sub": user.public_key(), "name": "n", "nats": {"type": "user", "version": 2}});
    let broken = {
        let mut text = good.clone();
        let last = text.pop().expect("a letter");
        text.pop();
        text.push(if last == 'A' { 'B' } else { 'A' });
        text.push('A');
        text
    };
    let try_it = |name: &str, options: String| -> Script { script(name.to_owned()).quiet_with(A, &options) };
    let refusals = vec![
        try_it("nothing", r#""user":"u","pass":"p""#.to_owned()),
        try_it("no token at all", r#""jwt":"abc","sig":"def""#.to_owned()),
        try_it("a broken signature", showing(&broken, &user)),
        try_it("signed by a stranger", showing(&world.user(&stranger, &user, json!({}), json!({})), &user)),
        try_it(
            "a stranger that names the account",
            showing(&world.user(&stranger, &user, json!({"issuer_account": one}), json!({})), &user),
        ),
        try_it("another user's nonce", showing(&good, &gone)),
        try_it("no signature", format!(r#""jwt":"{good}""#)),
        try_it("expired", showing(&world.user(&world.one, &user, json!({}), json!({"exp": now() - 10})), &user)),
        try_it(
            "not yet valid",
            showing(&world.user(&world.one, &user, json!({}), json!({"nbf": now() + 1000})), &user),
        ),
        try_it("revoked", showing(&world.user(&world.one, &gone, json!({}), json!({})), &gone)),
        try_it(
            "a bearer where none may be",
            format!(r#""jwt":"{}""#, world.user(&world.one, &user, json!({"bearer_token": true}), json!({}))),
        ),
        try_it(
            "from elsewhere",
            showing(&world.user(&world.one, &user, json!({"src": ["192.0.2.0/24"]}), json!({})), &user),
        ),
        try_it(
            "from here",
            showing(&world.user(&world.one, &user, json!({"src": ["192.0.2.0/24", "127.0.0.0/8"]}), json!({})), &user),
        ),
        try_it(
            "another kind of connection",
            showing(
                &world.user(&world.one, &user, json!({"allowed_connection_types": ["WEBSOCKET"]}), json!({})),
                &user,
            ),
        ),
        try_it(
            "own rights beside a template",
            showing(&world.user(&world.scoped, &user, std::mem::take(&mut scoped), json!({})), &user),
        ),
        try_it(
            "another algorithm",
            showing(&signed(&world.one, &json!({"typ": "JWT", "alg": "none"}), &claims(&user)), &user),
        ),
        try_it(
            "another type",
            showing(&signed(&world.one, &json!({"typ": "JWS", "alg": "ed25519-nkey"}), &claims(&user)), &user),
        ),
        try_it("an account's token", showing(&world.account(&world.one, "ONE", json!({})), &user)),
        try_it("good", showing(&good, &user)),
    ];
    compare(Config::new(world.config(account, json!({}))), refusals);
}
