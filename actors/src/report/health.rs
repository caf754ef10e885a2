//! `/healthz`.

use troupe_codecs::report::{HealthError, HealthErrorKind, HealthStatus, HealthzOptions};

use super::Reporter;
use super::sources::Faults;

/// What nats-server says while not every listener is open.
const NOT_READY: &str = "failed to be ready for connections after 1ms: startup did not complete";

impl Reporter {
    /// Whether the server is well. The HTTP status is in the answer.
    pub async fn healthz(&self, options: &HealthzOptions) -> HealthStatus {
        if let Some(text) = wrong_arguments(options) {
            return status(options, 400, Faults::of(server_fault(HealthErrorKind::BadRequest, text)));
        }
        if !self.is_ready() {
            return status(options, 500, Faults::of(server_fault(HealthErrorKind::Connection, NOT_READY)));
        }
        let faults = match self.sources().jetstream.get().filter(|_| !options.js_server_only) {
            Some(source) => source.faults(options.clone()).await,
            None => Faults::default(),
        };
        let code = match faults.grave.first() {
            None => 200,
            // What was asked for by name is not there.
            Some(first) if first.error.contains("not found") => 404,
            Some(_) => 503,
        };
        status(options, code, faults)
    }
}

fn wrong_arguments(options: &HealthzOptions) -> Option<&'static str> {
    if options.account.is_empty() && !options.stream.is_empty() {
        return Some("\"account\" must not be empty when checking stream health");
    }
    if options.stream.is_empty() && !options.consumer.is_empty() {
        return Some("\"stream\" must not be empty when checking consumer health");
    }
    None
}

fn server_fault(kind: HealthErrorKind, text: &str) -> HealthError {
    let [account, stream, consumer] = [const { String::new() }; 3];
    HealthError { kind, account, stream, consumer, error: text.to_owned() }
}

/// The first fault, or all of them where details are asked for.
fn status(options: &HealthzOptions, status_code: u16, faults: Faults) -> HealthStatus {
    let word = match status_code {
        200 => "ok",
        404 | 503 if !options.details => "unavailable",
        _ => "error",
    };
    let mut health = HealthStatus { status: word.to_owned(), status_code, ..HealthStatus::default() };
    if options.details {
        health.errors = faults.grave.into_iter().chain(faults.lost).collect();
    } else if let Some(first) = faults.grave.into_iter().next() {
        health.error = first.error;
    }
    health
}
