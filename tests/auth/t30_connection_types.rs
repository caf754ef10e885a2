//! Users bound to kinds of connections.

use nkeys::KeyPair;
use troupe_tests::{A, Script, compare, script};

fn entering(user: &str) -> Script {
    script(user).quiet_with(A, &format!(r#""user":"{user}","pass":"p""#)).flush(A, "SUB foo 1\r\n")
}

#[test]
fn password_users() {
    compare(
        "authorization { users: [\n  {user: standard, password: p, allowed_connection_types: [\"STANDARD\"]}\n  {user: lower, password: p, allowed_connection_types: [\"standard\"]}\n  {user: web, password: p, allowed_connection_types: [\"WEBSOCKET\"]}\n  {user: several, password: p, allowed_connection_types: [\"MQTT\", \"STANDARD\"]}\n  {user: others, password: p, allowed_connection_types: [\"MQTT\", \"LEAFNODE\"]}\n  {user: any, password: p}\n] }",
        ["standard", "lower", "web", "several", "others", "any"].map(entering),
    );
}

#[test]
fn key_users() {
    let pair = KeyPair::new_user();
    let (public, seed) = (pair.public_key(), pair.seed().unwrap());
    compare(
        format!("authorization {{ users: [ {{nkey: {public}, allowed_connection_types: [\"MQTT\"]}} ] }}"),
        [script("a key for another kind").quiet_with(A, &format!(r#""nkey":"{public}","sig":"<sig:{seed}>""#))],
    );
}

#[test]
fn guests_of_another_kind() {
    compare(
        "authorization { users: [ {user: guest, password: p, allowed_connection_types: [\"WEBSOCKET\"]} ] }\nno_auth_user: guest\n",
        [script("a guest with CONNECT").quiet(A), script("a guest without CONNECT").flush(A, "SUB foo 1\r\n")],
    );
}
