//! Permissions of users that have none of their own.

use troupe_tests::{A, Script, compare, script};

fn trying(user: &str) -> Script {
    script(format!("user {user}"))
        .quiet_with(A, &format!(r#""user":"{user}","pass":"p""#))
        .flush(A, "SUB foo 1\r\nSUB bar 2\r\nPUB foo 1\r\na\r\nPUB bar 1\r\nb\r\n")
}

#[test]
fn in_a_flat_list() {
    compare(
        "authorization {\n  default_permissions: { publish: foo, subscribe: [\"foo\"] }\n  users: [\n    {user: plain, password: p}\n    {user: own, password: p, permissions: {publish: bar}}\n    {user: empty, password: p, permissions: {}}\n  ]\n}",
        [trying("plain"), trying("own"), trying("empty")],
    );
}

#[test]
fn in_accounts() {
    compare(
        "authorization { default_permissions: { publish: foo } }\naccounts {\n  WITH {\n    default_permissions: { publish: bar, subscribe: bar }\n    users: [ {user: w, password: p}, {user: own, password: p, permissions: {subscribe: foo}} ]\n  }\n  WITHOUT { users: [ {user: wo, password: p} ] }\n}",
        [trying("w"), trying("own"), trying("wo")],
    );
}

#[test]
fn single_user_and_token() {
    compare("authorization { user: solo, password: p, default_permissions: { publish: foo } }", [trying("solo")]);
    compare(
        "authorization { token: t, default_permissions: { publish: foo } }",
        [script("a token").quiet_with(A, r#""auth_token":"t""#).flush(A, "PUB foo 0\r\n\r\nPUB bar 0\r\n\r\n")],
    );
}

#[test]
fn other_spellings() {
    compare(
        "authorization { users: [\n  {user: imex, password: p, permissions: {import: foo, export: bar}}\n  {user: short, password: p, permissions: {pub: foo, sub: bar}}\n  {user: singular, password: p, permission: {publish: foo}}\n  {user: authorization, password: p, authorization: {publish: bar}}\n] }",
        [trying("imex"), trying("short")],
    );
}
