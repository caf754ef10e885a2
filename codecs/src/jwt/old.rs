//! Tokens of the first version, which older tools made and many configurations still hold.

use serde_json::{Map, Value};

/// The claims of an old token in the form of the present one: kind and issuing account stood beside what is special to the kind,
/// and a user's limits had other names.
pub(super) fn upgraded(mut claims: Value) -> Value {
    let Some(outer) = claims.as_object_mut() else { return claims };
    let moved: Vec<(&str, Option<Value>)> =
        ["type", "issuer_account", "tags"].map(|key| (key, outer.remove(key))).into();
    let nats = outer.entry("nats").or_insert_with(|| Value::Object(Map::new()));
    let Some(nats) = nats.as_object_mut() else { return claims };
    nats.insert("version".to_owned(), super::decode::VERSION.into());
    for (key, value) in moved {
        if let Some(value) = value {
            nats.insert(key.to_owned(), value);
        }
    }
    if nats.get("type").is_some_and(|kind| kind == "user")
        && let Some(max) = nats.remove("max")
    {
        nats.insert("data".to_owned(), max);
    }
    claims
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::upgraded;

    #[test]
    fn what_stood_outside_is_moved_inside() {
        let old = json!({"iss": "A", "type": "user", "issuer_account": "B", "nats": {"max": 7, "payload": 3}});
        let new =
            json!({"iss": "A", "nats": {"type": "user", "issuer_account": "B", "data": 7, "payload": 3, "version": 2}});
        assert_eq!(upgraded(old), new);
        let bare = json!({"type": "operator"});
        assert_eq!(upgraded(bare), json!({"nats": {"type": "operator", "version": 2}}));
        for foreign in [json!(3), json!({"nats": 3})] {
            assert_eq!(upgraded(foreign.clone()), foreign);
        }
    }
}
