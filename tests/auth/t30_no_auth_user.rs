//! Clients without credentials where one user stands in for them.

use troupe_tests::{A, B, compare, script};

const CONFIG: &str = "accounts {\n  ONE { users: [ {user: guest, password: p, permissions: {publish: \"open.>\"}}, {user: alice, password: p} ] }\n}\nno_auth_user: guest\n";

#[test]
fn guests() {
    compare(
        CONFIG,
        [
            script("the INFO asks for nothing"),
            script("without credentials")
                .modern(A)
                .flush(A, "SUB open.x 1\r\nPUB open.x 2\r\nhi\r\nPUB closed 0\r\n\r\n"),
            script("without CONNECT").flush(A, "SUB open.x 1\r\nPUB open.x 2\r\nhi\r\nPUB closed 0\r\n\r\n"),
            script("PING without CONNECT").flush(A, ""),
            script("a letter that is no verb without CONNECT").flush(A, "X\r\n"),
            script("with the user's own credentials").quiet_with(A, r#""user":"guest","pass":"p""#),
            script("with another user's credentials")
                .quiet_with(A, r#""user":"alice","pass":"p""#)
                .flush(A, "SUB closed 1\r\nPUB closed 0\r\n\r\n"),
            script("with wrong credentials").quiet_with(A, r#""user":"alice","pass":"x""#),
            script("with an unknown user").quiet_with(A, r#""user":"bob","pass":"p""#),
            script("with a user and no password").quiet_with(A, r#""user":"guest""#),
            script("with a token").quiet_with(A, r#""auth_token":"p""#),
            script("with an nkey nobody knows").quiet_with(A, r#""nkey":"UABC","sig":"AAAA""#),
            script("with empty credentials").quiet_with(A, r#""user":"","pass":"","auth_token":"""#),
            script("guest and user share the account")
                .quiet(A)
                .flush(A, "SUB closed 1\r\n")
                .quiet_with(B, r#""user":"alice","pass":"p""#)
                .flush(B, "PUB closed 2\r\nhi\r\n"),
        ],
    );
}

#[test]
fn guest_in_a_flat_list() {
    compare(
        "authorization { users: [ {user: guest, password: p}, {user: alice, password: p} ] }\nno_auth_user: guest\n",
        [
            script("without credentials").modern(A),
            script("with a user's credentials").modern_with(A, r#""user":"alice","pass":"p""#),
            script("with wrong credentials").quiet_with(A, r#""user":"alice","pass":"x""#),
        ],
    );
}
