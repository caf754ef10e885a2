//! One token for everybody.

use troupe_tests::{A, Script, compare, script};

fn entering(name: &str, options: &str) -> Script {
    script(name).connect(A, &format!("\"verbose\":false{options}")).flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n")
}

#[test]
fn plain_token() {
    compare(
        "authorization { token: \"s3cr3t\" }",
        [
            entering("the right token", r#","auth_token":"s3cr3t""#),
            entering("a wrong token", r#","auth_token":"nope""#),
            entering("a prefix of the token", r#","auth_token":"s3cr3""#),
            entering("an empty token", r#","auth_token":"""#),
            entering("no token", ""),
            entering("the token as a password", r#","user":"s3cr3t","pass":"s3cr3t""#),
            entering("the token as a user name", r#","user":"s3cr3t""#),
            entering("the token besides a user", r#","auth_token":"s3cr3t","user":"u","pass":"p""#),
            script("the right token in verbose mode").connect(A, r#""auth_token":"s3cr3t""#),
            script("a wrong token in verbose mode").connect(A, r#""auth_token":"x""#),
            script("a wrong token, protocol 1").connect(A, r#""auth_token":"x","protocol":1"#),
            script("the second INFO of an authorized client").modern_with(A, r#""auth_token":"s3cr3t""#),
        ],
    );
}

#[test]
fn hashed_token() {
    let hash = bcrypt::hash("s3cr3t", 4).unwrap();
    compare(
        format!("authorization {{ token: \"{hash}\" }}"),
        [
            entering("the right token", r#","auth_token":"s3cr3t""#),
            entering("a wrong token", r#","auth_token":"nope""#),
            entering("the hash itself", &format!(",\"auth_token\":\"{hash}\"")),
            entering("no token", ""),
        ],
    );
}
