//! Authorization blocks as existing configurations write them.

use troupe_tests::{A, Script, compare, script};

fn entering(user: &str, pass: &str) -> Script {
    script(format!("user {user:?} with password {pass:?}"))
        .quiet_with(A, &format!(r#""user":"{user}","pass":"{pass}""#))
        .flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\nPUB bar 0\r\n\r\n")
}

#[test]
fn credentials_on_the_command_line() {
    use troupe_tests::Config;
    let config = Config::new("").arg("--user").arg("cli").arg("--pass").arg("pw");
    compare(config, [entering("cli", "pw"), entering("cli", "x"), script("nothing").quiet(A)]);
    let config = Config::new("authorization { user: file, password: pw }").arg("-user=cli").arg("-pass=pw");
    compare(config, [entering("cli", "pw"), entering("file", "pw")]);
    let config = Config::new("").arg("--auth=tok");
    compare(config, [script("token").quiet_with(A, r#""auth_token":"tok""#), script("nothing").quiet(A)]);
}

#[test]
fn shared_permissions_by_variable() {
    compare(
        "FOO_ONLY = { publish = \"foo\", subscribe = [\"foo\", \"_INBOX.>\"] }\nauthorization = {\n  users = [\n    { user = a, password = p, permissions = $FOO_ONLY }\n    { user = b, password = p }\n  ]\n}\n",
        [entering("a", "p"), entering("b", "p")],
    );
}

#[test]
fn accounts_and_flat_users_together() {
    compare(
        "authorization { users: [ {user: flat, password: p} ] }\naccounts { X { users: [ {user: x, password: p} ] } }\n",
        [
            entering("flat", "p"),
            entering("x", "p"),
            script("where a flat user is").modern_with(A, r#""user":"flat","pass":"p""#),
        ],
    );
}
