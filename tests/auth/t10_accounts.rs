//! Users in accounts: what one account says, another never hears.

use nkeys::KeyPair;
use troupe_tests::{A, B, C, D, Script, compare, script};

const TWO_ACCOUNTS: &str = "accounts {\n  ONE { users: [ {user: one, password: p}, {user: uno, password: p} ] }\n  TWO { users: [ {user: two, password: p} ] }\n}";

trait Enters {
    fn enter(self, conn: troupe_tests::Conn, user: &str) -> Self;
}

impl Enters for Script {
    fn enter(self, conn: troupe_tests::Conn, user: &str) -> Self {
        self.connect(
            conn,
            &format!(
                r#""verbose":false,"pedantic":false,"headers":true,"no_responders":true,"user":"{user}","pass":"p""#
            ),
        )
    }
}

#[test]
fn isolation() {
    compare(
        TWO_ACCOUNTS,
        [
            script("a message stays in its account")
                .enter(A, "one")
                .flush(A, "SUB foo 1\r\n")
                .enter(B, "two")
                .flush(B, "SUB foo 1\r\n")
                .enter(C, "uno")
                .flush(C, "PUB foo 2\r\nhi\r\n")
                .flush(B, "PUB foo 2\r\nho\r\n"),
            script("wildcards do not look over the fence")
                .enter(A, "one")
                .flush(A, "SUB > 1\r\n")
                .enter(B, "two")
                .flush(B, "PUB any.thing 2\r\nhi\r\n"),
            script("a responder of another account is none")
                .enter(A, "one")
                .flush(A, "SUB iso.service 1\r\n")
                .enter(B, "two")
                .flush(B, "SUB inbox 1\r\nPUB iso.service inbox 2\r\nhi\r\n"),
            script("queue groups of the same name are apart")
                .enter(A, "one")
                .flush(A, "SUB iso.q workers 1\r\n")
                .enter(B, "two")
                .flush(B, "SUB iso.q workers 1\r\n")
                .flush(A, "PUB iso.q 1\r\na\r\nPUB iso.q 1\r\nb\r\n"),
            script("three users, two accounts, one subject")
                .enter(A, "one")
                .flush(A, "SUB iso.* 1\r\n")
                .enter(B, "uno")
                .flush(B, "SUB iso.> 2\r\n")
                .enter(C, "two")
                .flush(C, "SUB iso.x 3\r\n")
                .enter(D, "one")
                .flush(D, "PUB iso.x 1\r\nd\r\n")
                .flush(C, "PUB iso.x 1\r\nc\r\n"),
            script("the second INFO tells the account")
                .modern_with(A, r#""user":"one","pass":"p""#)
                .modern_with(B, r#""user":"two","pass":"p""#),
            script("an unknown user").enter(A, "three"),
            script("nobody").quiet(A),
        ],
    );
}

#[test]
fn changing_the_account() {
    compare(
        TWO_ACCOUNTS,
        [
            script("CONNECT again as a user of another account leaves the subscriptions behind")
                .enter(B, "one")
                .flush(B, "SUB move 9\r\n")
                .enter(A, "one")
                .flush(A, "SUB move 1\r\n")
                .enter(A, "two")
                .flush(B, "PUB move 1\r\na\r\n")
                .flush(A, "PUB move 1\r\nb\r\n"),
            script("CONNECT again as nobody").enter(A, "one").quiet(A),
            script("CONNECT again with a wrong password")
                .enter(A, "one")
                .connect(A, r#""verbose":false,"user":"one","pass":"x""#),
        ],
    );
}

#[test]
fn the_system_account() {
    compare(
        "accounts {\n  SYS { users: [ {user: sys, password: p} ] }\n}\nsystem_account: SYS",
        [
            script("without credentials clients are in the global account").modern(A),
            script("the system user").modern_with(A, r#""user":"sys","pass":"p""#),
            script("a wrong password").connect(A, r#""verbose":false,"user":"sys","pass":"x""#),
            script("global and system are apart")
                .enter(A, "sys")
                .flush(A, "SUB foo 1\r\n")
                .quiet(B)
                .flush(B, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n"),
        ],
    );
}

#[test]
fn keys_in_accounts() {
    let pair = KeyPair::new_user();
    let (public, seed) = (pair.public_key(), pair.seed().unwrap());
    let config = format!(
        "accounts {{\n  ONE {{ users: [ {{nkey: {public}}} ] }}\n  TWO {{ users: [ {{user: two, password: p}} ] }}\n}}\n"
    );
    compare(
        config,
        [
            script("a key's account").modern_with(A, &format!(r#""nkey":"{public}","sig":"<sig:{seed}>""#)),
            script("a key's account is apart")
                .quiet_with(A, &format!(r#""nkey":"{public}","sig":"<sig:{seed}>""#))
                .flush(A, "SUB foo 1\r\n")
                .enter(B, "two")
                .flush(B, "PUB foo 2\r\nhi\r\n"),
        ],
    );
}
