//! `/healthz`.

use troupe_codecs::report::{HealthError, HealthErrorKind, HealthStatus, HealthzOptions};

use super::Reporter;

/// What nats-server says while not every listener is open.
const NOT_READY: &str = "failed to be ready for connections after 1ms: startup did not complete";

impl Reporter {
    /// Whether the server is well. The HTTP status is in the answer.
    #[must_use]
    pub fn healthz(&self, options: &HealthzOptions) -> HealthStatus {
        let bad_request = if options.account.is_empty() && !options.stream.is_empty() {
            Some("\"account\" must not be empty when checking stream health")
        } else if options.stream.is_empty() && !options.consumer.is_empty() {
            Some("\"stream\" must not be empty when checking consumer health")
        } else {
            None
        };
        if let Some(text) = bad_request {
            return fault(options, 400, HealthErrorKind::BadRequest, text);
        }
        if !self.is_ready() {
            return fault(options, 500, HealthErrorKind::Connection, NOT_READY);
        }
        HealthStatus { status: "ok".to_owned(), status_code: 200, ..HealthStatus::default() }
    }
}

fn fault(options: &HealthzOptions, status_code: u16, kind: HealthErrorKind, text: &str) -> HealthStatus {
    let mut health = HealthStatus { status: "error".to_owned(), status_code, ..HealthStatus::default() };
    if !options.details {
        health.error = text.to_owned();
        return health;
    }
    let [account, stream, consumer] = [const { String::new() }; 3];
    health.errors.push(HealthError { kind, account, stream, consumer, error: text.to_owned() });
    health
}
