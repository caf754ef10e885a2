//! Tokens that end while their user is there.

use nkeys::KeyPair;
use serde_json::json;
use troupe_tests::{A, Config, compare, script};

use super::tokens::{World, now, showing};

#[test]
fn a_user_is_closed_when_its_token_ends() {
    let world = World::new();
    let user = KeyPair::new_user();
    let short = world.user(&world.one, &user, json!({}), json!({"exp": now() + 3}));
    compare(
        Config::new(world.config(json!({}), json!({}))),
        [script("three seconds").quiet_with(A, &showing(&short, &user)).until_closed(A)],
    );
}
