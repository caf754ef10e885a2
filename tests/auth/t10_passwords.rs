//! Users with passwords, plain and hashed.

use troupe_tests::{A, Script, Server, compare, script};

fn entering(user: &str, pass: &str) -> Script {
    script(format!("user {user:?} with password {pass:?}"))
        .connect(A, &format!(r#""verbose":false,"user":"{user}","pass":"{pass}""#))
        .flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n")
}

#[test]
fn one_user() {
    compare(
        "authorization { user: alice, password: pw }",
        [
            entering("alice", "pw"),
            entering("alice", "Pw"),
            entering("alice", ""),
            entering("alice", "pwx"),
            entering("Alice", "pw"),
            entering("", "pw"),
            entering("", ""),
            entering("bob", "pw"),
            script("user without pass").connect(A, r#""verbose":false,"user":"alice""#),
            script("pass without user").connect(A, r#""verbose":false,"pass":"pw""#),
            script("token instead").connect(A, r#""verbose":false,"auth_token":"pw""#),
            script("with a token besides").connect(A, r#""verbose":false,"user":"alice","pass":"pw","auth_token":"x""#),
            script("nothing").quiet(A),
        ],
    );
}

#[test]
fn several_users() {
    let hash = bcrypt::hash("hashed", 4).unwrap();
    let config = format!(
        "authorization {{ users: [\n  {{user: alice, password: pw-a}}\n  {{user: bob, pass: \"pw b\"}}\n  {{username: carol, password: \"{hash}\"}}\n  {{user: dave, password: \"\"}}\n] }}"
    );
    compare(
        config,
        [
            entering("alice", "pw-a"),
            entering("alice", "pw b"),
            entering("bob", "pw b"),
            entering("bob", "pw-a"),
            entering("carol", "hashed"),
            entering("carol", "wrong"),
            entering("carol", &hash),
            entering("carol", ""),
            entering("dave", ""),
            entering("dave", "x"),
            entering("nobody", "pw-a"),
            entering("", ""),
            script("nothing").quiet(A),
            script("a token").connect(A, r#""verbose":false,"auth_token":"pw-a""#),
        ],
    );
}

#[test]
fn all_hash_spellings() {
    let hash = bcrypt::hash_with_result("hashed", 4).unwrap();
    let users: Vec<String> = [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY]
        .into_iter()
        .enumerate()
        .map(|(number, version)| format!("{{user: u{number}, password: \"{}\"}}", hash.format_for_version(version)))
        .collect();
    compare(
        format!("authorization {{ users: [ {} ] }}", users.join(", ")),
        (0..3).flat_map(|number| {
            let user = format!("u{number}");
            [entering(&user, "hashed"), entering(&user, "wrong")]
        }),
    );
}

#[test]
fn users_written_differently() {
    compare(
        "authorization {\n  user = \"solo\"\n  password = '4e2'\n  timeout: 5\n}",
        [entering("solo", "4e2"), entering("solo", "400")],
    );
    compare(
        "A_PASSWORD: \"from-a-variable\"\nauthorization { users = [ {user: v, password: $A_PASSWORD} ] }",
        [entering("v", "from-a-variable"), entering("v", "$A_PASSWORD")],
    );
}

/// A hash that takes long to compare with.
fn slow_hash(password: &str) -> String {
    bcrypt::hash(password, 14).unwrap()
}

#[test]
fn a_login_does_not_wait_longer_for_its_turn_than_the_authentication_timeout() {
    let config = format!("authorization {{ user: u, password: \"{}\", timeout: 0.2 }}", slow_hash("p"));
    let server = Server::troupe(config);
    let num_logins = 4 * std::thread::available_parallelism().map_or(1, usize::from);
    let mut crowd: Vec<_> = (0..num_logins).map(|_| server.connect()).collect();
    for client in &mut crowd {
        client.send("CONNECT {\"verbose\":false,\"user\":\"u\",\"pass\":\"p\"}\r\nPING\r\n");
    }
    // Half of the processors compare at a time, for longer than the others may wait.
    for client in &mut crowd {
        client.wait(|frames| frames.iter().any(|frame| frame.is("PONG") || frame.contains("-ERR")));
    }
    let num_timed_out = crowd.iter().filter(|client| client.text().contains("Authentication Timeout")).count();
    let num_in = crowd.iter().filter(|client| client.count("PONG") == 1).count();
    assert!(num_in > 0 && num_timed_out >= num_logins / 2, "{num_in} in, {num_timed_out} timed out of {num_logins}");
    assert_eq!(num_in + num_timed_out, num_logins);
}
