//! Users that prove themselves by signing the nonce.

use nkeys::KeyPair;
use troupe_tests::{A, B, Script, compare, script};

struct User {
    public: String,
    seed: String,
}

fn user() -> User {
    let pair = KeyPair::new_user();
    User { public: pair.public_key(), seed: pair.seed().unwrap() }
}

fn signing(name: &str, public: &str, seed: &str) -> Script {
    script(name)
        .connect(A, &format!(r#""verbose":false,"nkey":"{public}","sig":"<sig:{seed}>""#))
        .flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n")
}

#[test]
fn signed_nonces() {
    let (known, other) = (user(), user());
    let config = format!("authorization {{ users: [ {{nkey: {}}} ] }}", known.public);
    compare(
        config,
        [
            script("the INFO carries a nonce"),
            signing("the right key", &known.public, &known.seed),
            signing("a key that is not listed", &other.public, &other.seed),
            signing("the right name with another key's signature", &known.public, &other.seed),
            script("no signature").connect(A, &format!(r#""verbose":false,"nkey":"{}""#, known.public)),
            script("an empty signature").connect(A, &format!(r#""verbose":false,"nkey":"{}","sig":"""#, known.public)),
            script("a signature that is no base64")
                .connect(A, &format!(r#""verbose":false,"nkey":"{}","sig":"%%%%""#, known.public)),
            script("a signature of the wrong length")
                .connect(A, &format!(r#""verbose":false,"nkey":"{}","sig":"AAAA""#, known.public)),
            script("a signature without a key").connect(A, &format!(r#""verbose":false,"sig":"<sig:{}>""#, known.seed)),
            script("a key that is no nkey")
                .connect(A, &format!(r#""verbose":false,"nkey":"ABC","sig":"<sig:{}>""#, known.seed)),
            script("the nonce itself as the signature")
                .connect(A, &format!(r#""verbose":false,"nkey":"{}","sig":"<nonce>""#, known.public)),
            script("a password instead").connect(A, r#""verbose":false,"user":"u","pass":"p""#),
            script("nothing").quiet(A),
            script("the second INFO")
                .modern_with(A, &format!(r#""nkey":"{}","sig":"<sig:{}>""#, known.public, known.seed)),
            signing("two connections have nonces of their own", &known.public, &known.seed)
                .connect(B, &format!(r#""verbose":false,"nkey":"{}","sig":"<sig:{}>""#, known.public, known.seed)),
        ],
    );
}

#[test]
fn keys_beside_passwords() {
    let known = user();
    let config = format!(
        "authorization {{ users: [ {{nkey: {}, permissions: {{publish: \"only.this\"}}}}, {{user: alice, password: pw}} ] }}",
        known.public
    );
    compare(
        config,
        [
            signing("the key with its permissions", &known.public, &known.seed),
            script("the password").connect(A, r#""verbose":false,"user":"alice","pass":"pw""#),
            script("the INFO has a nonce for password users as well").modern_with(A, r#""user":"alice","pass":"pw""#),
            script("a key and a password: the key decides").connect(
                A,
                &format!(r#""verbose":false,"nkey":"{}","sig":"AAAA","user":"alice","pass":"pw""#, known.public),
            ),
        ],
    );
}
