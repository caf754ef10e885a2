//! Users that enter.

use nkeys::KeyPair;
use serde_json::json;
use troupe_tests::{A, B, Config, compare, script};

use super::tokens::{World, limits, old_token, showing};

#[test]
fn keys_signers_and_bearers() {
    let world = World::new();
    let signers = json!({"signing_keys": [world.signer.public_key(), {"kind": "user_scope", "key": world.scoped.public_key(), "role": "r", "template": {"pub": {"allow": ["{{name()}}.>", "{{tag(dept)}}"]}, "sub": {"allow": ["sub.{{subject()}}.>", "_INBOX.>"]}, "subs": 2, "data": -1, "payload": 5, "allowed_connection_types": ["STANDARD"]}}]});
    let user = KeyPair::new_user();
    let owner = json!({"issuer_account": world.one.public_key()});
    let own = world.user(&world.one, &user, json!({}), json!({}));
    let by_signer = world.user(&world.signer, &user, owner.clone(), json!({}));
    let bearer = world.user(&world.one, &user, json!({"bearer_token": true}), json!({}));
    let limited = world.user(&world.one, &user, json!({"pub": {"allow": ["a.>"], "deny": ["a.b"]}, "sub": {"deny": ["secret"]}, "resp": {"max": 1, "ttl": 0}, "subs": 2, "payload": 4}), json!({}));
    let mut scoped_claims = owner;
    scoped_claims["tags"] = json!(["dept:x", "dept:y"]);
    for zero in ["subs", "data", "payload"] {
        scoped_claims[zero] = json!(0);
    }
    let scoped = world.user(&world.scoped, &user, scoped_claims, json!({}));
    let me = user.public_key();
    compare(
        Config::new(world.config(signers, json!({}))),
        [
            script("signed by the account").modern_with(A, &showing(&own, &user)).flush(A, "SUB foo 1\r\nPUB foo 1\r\nx\r\n"),
            script("signed by a signing key").quiet_with(A, &showing(&by_signer, &user)).flush(A, "SUB foo 1\r\nPUB foo 1\r\nx\r\n"),
            script("a bearer need not sign").quiet_with(A, &format!(r#""jwt":"{bearer}""#)).flush(A, "SUB foo 1\r\nPUB foo 1\r\nx\r\n"),
            script("rights and limits")
                .quiet_with(A, &showing(&limited, &user))
                .flush(A, "SUB secret 1\r\nSUB a.> 2\r\nSUB c 3\r\nSUB d 4\r\nPUB a.b 1\r\nx\r\nPUB a.c 1\r\nx\r\nPUB b 1\r\nx\r\n")
                .send(A, "PUB a.c 5\r\nxxxxx\r\n")
                .until_closed(A),
            script("rights of a template")
                .quiet_with(A, &showing(&scoped, &user))
                .flush(A, format!("SUB joe.> 1\r\nSUB sub.{me}.> 2\r\nPUB joe.a 1\r\nx\r\nPUB x 1\r\nx\r\nPUB y 1\r\nx\r\nPUB z 1\r\nx\r\nSUB _INBOX.a 3\r\nSUB _INBOX.b 4\r\n")),
            script("tenants are apart")
                .quiet_with(A, &showing(&own, &user))
                .flush(A, "SUB > 1\r\n")
                .quiet_with(B, &showing(&world.user(&world.two, &user, json!({}), json!({})), &user))
                .flush(B, "PUB foo 1\r\nx\r\n"),
        ],
    );
}

#[test]
fn accounts_share_and_map() {
    let world = World::new();
    let (one, two) = (world.one.public_key(), world.two.public_key());
    let exports = json!({
        "exports": [
            {"name": "news", "subject": "news.>", "type": "stream"},
            {"name": "svc", "subject": "svc", "type": "service"},
            {"name": "mine", "subject": "for.*", "type": "service", "account_token_position": 2, "response_type": "Stream"}
        ],
        "mappings": {"old": [{"subject": "new", "weight": 100}]},
        "default_permissions": {"pub": {"deny": ["never"]}, "sub": {}}
    });
    let imports = json!({"imports": [
        {"name": "news", "subject": "news.>", "account": one, "type": "stream", "local_subject": "their.>"},
        {"name": "old", "subject": "news.a", "account": one, "type": "stream", "to": "pre"},
        {"name": "svc", "subject": "svc", "account": one, "local_subject": "ask", "type": "service"},
        {"name": "mine", "subject": format!("for.{two}"), "account": one, "local_subject": "mine", "type": "service"}
    ]});
    let (asker, answerer) = (KeyPair::new_user(), KeyPair::new_user());
    let of_one = showing(&world.user(&world.one, &answerer, json!({}), json!({})), &answerer);
    let of_two = showing(&world.user(&world.two, &asker, json!({}), json!({})), &asker);
    compare(
        Config::new(world.config(exports, imports)),
        [
            script("a stream under another name")
                .quiet_with(B, &of_two)
                .flush(B, "SUB their.x 1\r\n")
                .quiet_with(A, &of_one)
                .flush(A, "PUB news.x 1\r\nx\r\n")
                .flush(B, ""),
            script("a prefix")
                .quiet_with(B, &of_two)
                .flush(B, "SUB pre.news.a 1\r\n")
                .quiet_with(A, &of_one)
                .flush(A, "PUB news.a 1\r\nx\r\n")
                .flush(B, ""),
            script("services")
                .quiet_with(A, &of_one)
                .flush(A, "SUB svc 1\r\nSUB for.* 2\r\n")
                .quiet_with(B, &of_two)
                .flush(B, "SUB inbox 1\r\nPUB ask inbox 1\r\nx\r\n")
                .flush(A, "PUB <reply> 1\r\ny\r\n")
                .flush(B, "PUB mine inbox 1\r\nx\r\n")
                .flush(A, ""),
            script("mappings and default rights")
                .quiet_with(A, &of_one)
                .flush(A, "SUB new 1\r\nPUB old 1\r\nx\r\nPUB never 1\r\nx\r\n"),
        ],
    );
}

#[test]
fn tokens_of_the_first_version_are_read() {
    let world = World::new();
    let (operator, account) = (world.operator.public_key(), world.one.public_key());
    let config = format!(
        "operator: {}\nresolver: MEMORY\nresolver_preload {{ {account}: {} }}\n",
        old_token(&world.operator, &operator, "operator", json!({})),
        old_token(&world.operator, &account, "account", json!({"limits": limits()})),
    );
    let user = KeyPair::new_user();
    let old = old_token(&world.one, &user.public_key(), "user", json!({"pub": {"deny": ["never"]}, "payload": 4}));
    let strangers = old_token(&world.two, &user.public_key(), "user", json!({}));
    compare(
        Config::new(config),
        [
            script("an old user")
                .quiet_with(A, &showing(&old, &user))
                .flush(A, "SUB > 1\r\nPUB foo 1\r\nx\r\nPUB never 1\r\nx\r\n"),
            script("its limit").quiet_with(A, &showing(&old, &user)).send(A, "PUB foo 5\r\nxxxxx\r\n").until_closed(A),
            script("a stranger").modern_with(A, &showing(&strangers, &user)).until_closed(A),
        ],
    );
}
