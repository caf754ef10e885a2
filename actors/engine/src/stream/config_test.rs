//! Configurations that are refused or corrected. Every row was answered so by nats-server, see `tests/jetstream/exchanges`.

use std::sync::Arc;

use troupe_codecs::api::json::{Strictness, decode};
use troupe_codecs::api::{ApiError, StreamConfig};

use super::config::{ConfigContext, check};
use super::update::check_update;

fn parsed(json: &str) -> StreamConfig {
    decode(json.as_bytes(), Strictness::Strict).unwrap()
}

fn none(_: &str) -> Option<Arc<StreamConfig>> {
    None
}

fn checked(json: &str) -> Result<StreamConfig, ApiError> {
    check(&parsed(json), &ConfigContext::new(&none))
}

#[test]
fn defaults_are_filled_in() {
    let config = checked(r#"{"name":"A"}"#).unwrap();
    assert_eq!(config.subjects, ["A"]);
    assert_eq!((config.max_msgs, config.max_bytes, config.max_msg_size, config.replicas), (-1, -1, -1, 1));
    assert_eq!(config.duplicates, 120_000_000_000);
    assert_eq!(checked(r#"{"name":"A","max_age":1000000000}"#).unwrap().duplicates, 1_000_000_000);
    let marker = checked(r#"{"name":"A","subject_delete_marker_ttl":1000000000,"deny_purge":true}"#).unwrap();
    assert!(marker.allow_msg_ttl && marker.allow_rollup && !marker.deny_purge);
}

#[test]
fn faults_have_their_numbers() {
    for (json, number) in [
        (r#"{"name":"a.b"}"#, 10052),
        (r#"{"name":"A","num_replicas":-1}"#, 10133),
        (r#"{"name":"A","subjects":["a.*","a.b"]}"#, 10052),
        (r#"{"name":"A","subject_transform":{"src":"a..b","dest":"x"}}"#, 10155),
        (r#"{"name":"A","subject_transform":{"src":"a.*","dest":"x.$2"}}"#, 10156),
        (r#"{"name":"A","mirror":{"name":"B"},"subjects":["x"]}"#, 10034),
        (r#"{"name":"A","mirror":{"name":"B"},"first_seq":5}"#, 10143),
        (r#"{"name":"A","mirror":{"name":"A"}}"#, 10052),
        (r#"{"name":"A","sources":[{"name":"B"},{"name":"B"}]}"#, 10140),
        (r#"{"name":"A","mirror":{"name":"B","external":{"api":"$JS.API","deliver":""}}}"#, 10021),
    ] {
        assert_eq!(checked(json).err().map(|error| error.err_code), Some(number), "{json}");
    }
}

#[test]
fn streams_that_feed_each_other_are_refused() {
    let other = Arc::new(parsed(r#"{"name":"B","sources":[{"name":"A"}]}"#));
    let find = |name: &str| (name == "B").then(|| Arc::clone(&other));
    let circle = parsed(r#"{"name":"A","sources":[{"name":"B"}]}"#);
    let fault = check(&circle, &ConfigContext::new(&find)).unwrap_err();
    assert_eq!(fault.description, "detected cycle");
}

#[test]
fn what_is_permanent_stays() {
    let old = checked(r#"{"name":"A","deny_delete":true,"allow_msg_ttl":true}"#).unwrap();
    for (json, text) in [
        (r#"{"name":"B"}"#, "stream configuration name must match original"),
        (r#"{"name":"A","storage":"memory"}"#, "stream configuration update can not change storage type"),
        (r#"{"name":"A","allow_msg_ttl":true}"#, "stream configuration update can not cancel deny message deletes"),
        (r#"{"name":"A","deny_delete":true}"#, "message TTL status can not be disabled"),
    ] {
        let fault = check_update(&old, &parsed(json), &ConfigContext::new(&none)).unwrap_err();
        assert_eq!(fault.description, text, "{json}");
    }
    let sealed = parsed(r#"{"name":"A","deny_delete":true,"allow_msg_ttl":true,"sealed":true}"#);
    let sealed = check_update(&old, &sealed, &ConfigContext::new(&none)).unwrap();
    assert!(sealed.deny_purge && !sealed.allow_rollup);
}
