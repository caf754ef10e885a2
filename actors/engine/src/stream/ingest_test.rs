//! Which messages a stream takes.

use std::collections::HashMap;

use bytes::Bytes;
use troupe_codecs::api::{StreamConfig, errors, headers};
use troupe_codecs::header;

use super::dedupe::Dedupe;
use super::ingest::*;
use super::publish::{Lifetime, Rollup};

struct Stored(HashMap<&'static [u8], u64>);

impl LastMessages for Stored {
    fn last(&mut self, subject: &[u8]) -> Option<LastMessage> {
        let seq = *self.0.get(subject)?;
        Some(LastMessage { seq, headers: Bytes::new(), payload: Bytes::new() })
    }
}

/// Decides about a message with these headers on `a`; the stream's last sequence is 9, that of `a` is 7, of `b` 9.
fn verdict(config: &StreamConfig, lines: &[(&str, &str)]) -> Result<Accepted<'static>, u16> {
    let mut block = Vec::new();
    let lines: Vec<(&str, &[u8])> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    if !lines.is_empty() {
        header::append(&mut block, b"", &lines);
    }
    let mut dedupe = Dedupe::default();
    dedupe.insert(b"known", 5, 0);
    let view = StreamView { config, last_seq: 9, last_msg_id: b"last", dedupe: &dedupe, max_payload: 1 << 20 };
    let message = Incoming { subject: b"a", headers: &block, payload: b"payload", is_sourced: false, now: 0 };
    match decide(message, view, &mut Stored(HashMap::from([(&b"a"[..], 7), (b"b", 9)]))) {
        Verdict::Store(accepted) => Ok(Accepted {
            headers: accepted.headers.into_owned().into(),
            payload: accepted.payload.into_owned().into(),
            msg_id: b"",
            ends_schedule: None,
            lifetime: accepted.lifetime,
            rollup: accepted.rollup,
            counter: accepted.counter,
            schedule: accepted.schedule,
        }),
        Verdict::Duplicate(seq) => Err(seq as u16),
        Verdict::Refuse(error) => Err(error.err_code),
    }
}

fn config() -> StreamConfig {
    StreamConfig { name: "S".into(), subjects: vec![">".into()], max_msg_size: -1, ..StreamConfig::default() }
}

#[test]
fn expectations_are_checked_in_order() {
    let number = |spec: troupe_codecs::api::ErrorSpec| Some(spec.number);
    let wrong_seq = number(errors::STREAM_WRONG_LAST_SEQUENCE);
    for (lines, refused) in [
        (&[][..], None),
        (&[(headers::EXPECTED_STREAM, "S")], None),
        (&[(headers::EXPECTED_STREAM, "T")], number(errors::STREAM_NOT_MATCH)),
        (&[(headers::EXPECTED_LAST_SEQ, "9")], None),
        (&[(headers::EXPECTED_LAST_SEQ, "8")], wrong_seq),
        (&[(headers::EXPECTED_LAST_SUBJECT_SEQ, "7")], None),
        (&[(headers::EXPECTED_LAST_SUBJECT_SEQ, "9")], wrong_seq),
        (&[(headers::EXPECTED_LAST_SUBJECT_SEQ, "9"), (headers::EXPECTED_LAST_SUBJECT_SEQ_SUBJECT, "b")], None),
        (&[(headers::EXPECTED_LAST_SUBJECT_SEQ, "0"), (headers::EXPECTED_LAST_SUBJECT_SEQ_SUBJECT, "c")], None),
        (&[(headers::EXPECTED_LAST_MSG_ID, "last")], None),
        (&[(headers::EXPECTED_LAST_MSG_ID, "x")], number(errors::STREAM_WRONG_LAST_MSG_ID)),
        (&[(headers::MSG_ID, "known")], Some(5)),
        (&[(headers::MSG_ID, "new")], None),
        (&[(headers::TTL, "1h")], number(errors::MESSAGE_TTL_DISABLED)),
        (&[(headers::ROLLUP, "sub")], number(errors::STREAM_ROLLUP_FAILED)),
        (&[(headers::INCR, "1")], number(errors::MESSAGE_INCR_DISABLED)),
        (&[(headers::STREAM_SOURCE, "x")], number(errors::MESSAGE_SOURCE_HDR_NOT_ALLOWED)),
        (&[(headers::SCHEDULE, "@hourly")], number(errors::MESSAGE_SCHEDULES_DISABLED)),
    ] {
        assert_eq!(verdict(&config(), lines).err(), refused, "{lines:?}");
    }
}

#[test]
fn features_change_what_is_stored() {
    let full = StreamConfig {
        allow_rollup: true,
        allow_msg_ttl: true,
        allow_msg_schedules: true,
        subject_delete_marker_ttl: 60 * troupe_codecs::api::SECOND,
        ..config()
    };
    let rolled = verdict(&full, &[(headers::ROLLUP, "all")]).unwrap();
    assert_eq!(rolled.rollup, Rollup::All);
    let short = verdict(&full, &[(headers::TTL, "5")]).unwrap();
    assert_eq!(short.lifetime, Lifetime::Seconds(60), "it lives as long as a mark of deletion");
    assert_eq!(header::get(&short.headers, headers::TTL), Some(&b"60"[..]));
    let later = verdict(&full, &[(headers::SCHEDULE, "@every 1h"), (headers::SCHEDULE_TARGET, "b")]).unwrap();
    assert_eq!((later.schedule, later.rollup), (Some(3600 * troupe_codecs::api::SECOND), Rollup::Subject));
    assert_eq!(header::get(&later.headers, headers::ROLLUP), Some(&b"sub"[..]));
    let info = verdict(&full, &[(headers::REQUEST_INFO, "{}"), ("A", "b")]).unwrap();
    assert_eq!(&*info.headers, b"NATS/1.0\r\nA: b\r\n\r\n");
}

#[test]
fn sizes_and_seals_refuse() {
    let small = StreamConfig { max_msg_size: 6, ..config() };
    assert_eq!(verdict(&small, &[]).err(), Some(errors::STREAM_MESSAGE_EXCEEDS_MAXIMUM.number));
    let sealed = StreamConfig { sealed: true, ..config() };
    assert_eq!(verdict(&sealed, &[]).err(), Some(errors::STREAM_SEALED.number));
    let counter = StreamConfig { allow_msg_counter: true, ..config() };
    assert_eq!(verdict(&counter, &[]).err(), Some(errors::MESSAGE_INCR_MISSING.number));
}
