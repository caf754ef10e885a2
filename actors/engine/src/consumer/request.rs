//! Pull requests: what a client asks for.

use troupe_codecs::api::json::{Strictness, decode};
use troupe_codecs::api::request::ConsumerNextRequest;

/// What a client asks for in a pull request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequest {
    /// Messages wanted. Less than one counts as one.
    pub batch: i64,
    /// Nanoseconds until it is given up; zero means never.
    pub expires: i64,
    /// Most bytes wanted; zero means any.
    pub max_bytes: i64,
    /// Do not wait for messages to come.
    pub no_wait: bool,
    /// Nanoseconds between signs of life; zero means none.
    pub heartbeat: i64,
    /// What a JSON request says of priority groups, filled in or not.
    pub group: Option<Box<GroupRequest>>,
}

/// The part of a pull request that is about priority groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupRequest {
    /// Name of the group.
    pub name: String,
    /// Served when so many messages are not delivered yet.
    pub min_pending: i64,
    /// Served when so many messages are not acknowledged.
    pub min_ack_pending: i64,
    /// Identity of a pinned client.
    pub id: String,
    /// Who is served first: the lowest number.
    pub priority: i64,
}

/// Why a pull request was not understood; the text goes behind `Bad Request - `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Two heartbeats do not fit into the time to expiry.
    #[error("heartbeat value too large")]
    HeartbeatTooLarge,
    /// Not the JSON it should be.
    #[error("{0}")]
    Json(String),
}

impl PullRequest {
    /// Reads a request: nothing or anything strange is one message, a number is a batch, an object says it all.
    ///
    /// # Errors
    ///
    /// JSON of the wrong kind, a heartbeat too long for the expiry.
    pub fn parse(payload: &[u8]) -> Result<Self, RequestError> {
        let text = payload.trim_ascii();
        if text.first() == Some(&b'{') {
            return Self::of_json(text);
        }
        let batch = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
        Ok(Self { batch, ..Self::default() })
    }

    fn of_json(text: &[u8]) -> Result<Self, RequestError> {
        let body = read_body(text)?;
        if body.idle_heartbeat > 0 && body.idle_heartbeat.saturating_mul(2) > body.expires {
            return Err(RequestError::HeartbeatTooLarge);
        }
        let is_plain = body.group.is_empty()
            && body.id.is_empty()
            && (body.min_pending, body.min_ack_pending, body.priority) == (0, 0, 0);
        let group = if is_plain {
            GroupRequest::default()
        } else {
            GroupRequest {
                name: body.group,
                min_pending: body.min_pending,
                min_ack_pending: body.min_ack_pending,
                id: body.id,
                priority: body.priority,
            }
        };
        Ok(Self {
            batch: body.batch,
            expires: body.expires,
            max_bytes: body.max_bytes,
            no_wait: body.no_wait,
            heartbeat: body.idle_heartbeat,
            group: Some(Box::new(group)),
        })
    }
}

/// Reads the common form at once; what Go reads and serde does not (keys in another case, nulls) takes the longer way.
fn read_body(text: &[u8]) -> Result<ConsumerNextRequest, RequestError> {
    if let Ok(body) = serde_json::from_slice(text) {
        return Ok(body);
    }
    decode(text, Strictness::Lenient).map_err(|cause| RequestError::Json(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PullRequest {
        PullRequest::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn short_forms_are_batches() {
        for (text, batch) in [("", 1), ("  ", 1), ("10", 10), (" 7 ", 7), ("-3", -3), ("+4", 4), ("x", 1), ("1.5", 1)] {
            assert_eq!(parse(text), PullRequest { batch, ..PullRequest::default() }, "{text:?}");
        }
    }

    #[test]
    fn json_says_it_all() {
        let request = parse(
            r#"{"batch":5,"expires":1000,"max_bytes":64,"no_wait":true,"idle_heartbeat":500,
                "group":"A","min_pending":1,"min_ack_pending":2,"id":"x","priority":3,"other":1}"#,
        );
        let group =
            GroupRequest { name: "A".to_owned(), min_pending: 1, min_ack_pending: 2, id: "x".to_owned(), priority: 3 };
        let expected = PullRequest {
            batch: 5,
            expires: 1000,
            max_bytes: 64,
            no_wait: true,
            heartbeat: 500,
            group: Some(Box::new(group)),
        };
        assert_eq!(request, expected);
        assert_eq!(parse("{}").group, Some(Box::default()));
        assert_eq!(parse(r#"{"BATCH":2,"expires":null}"#).batch, 2);
    }

    #[test]
    fn faults_are_told() {
        for text in [r#"{"idle_heartbeat":6,"expires":11}"#, r#"{"idle_heartbeat":1}"#] {
            assert_eq!(PullRequest::parse(text.as_bytes()), Err(RequestError::HeartbeatTooLarge), "{text}");
        }
        for text in ["{", r#"{"batch":"x"}"#, r#"{"batch":1}}"#] {
            assert!(matches!(PullRequest::parse(text.as_bytes()), Err(RequestError::Json(_))), "{text}");
        }
    }
}
