//! Where log lines go and how they look.

use config::{Map, Value};
use troupe_engine::options::{LogFormat, LoggingOptions};

use super::reader::{Reader, is_flag};

/// Keys this room reads.
pub(super) const KEYS: &[&str] = &[
    "debug",
    "trace",
    "trace_verbose",
    "trace_headers",
    "logtime",
    "logtime_utc",
    "log_file",
    "log_size_limit",
    "log_max_num",
    "syslog",
    "remote_syslog",
    "log_format",
];

/// Reads the logging keys.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, logging: &mut LoggingOptions) {
    let switches = [
        ("debug", &mut logging.debug),
        ("trace", &mut logging.trace),
        ("trace_verbose", &mut logging.trace_verbose),
        ("trace_headers", &mut logging.trace_headers),
        ("logtime", &mut logging.logtime),
        ("logtime_utc", &mut logging.logtime_utc),
        ("syslog", &mut logging.syslog),
    ];
    for (key, switch) in switches {
        if let Some(on) = root.get(key).and_then(|value| reader.boolean(value)) {
            *switch = on;
        }
    }
    // The finer switches turn tracing on; a flag has the last word.
    if !root.get("trace").is_some_and(is_flag) {
        logging.trace |= logging.trace_verbose || logging.trace_headers;
    }
    let text = |reader: &mut Reader, key| {
        let text = root.get(key).and_then(|value| reader.text(value));
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    logging.log_file = text(reader, "log_file").map(Into::into);
    logging.remote_syslog = text(reader, "remote_syslog");
    let number = |reader: &mut Reader, key| root.get(key).and_then(|value| reader.integer(value)).unwrap_or(0).max(0);
    logging.log_size_limit = number(reader, "log_size_limit").unsigned_abs();
    logging.log_max_num = usize::try_from(number(reader, "log_max_num")).unwrap_or(usize::MAX);
    if let Some(value) = root.get("log_format") {
        match reader.text(value) {
            Some("text") => logging.format = LogFormat::Text,
            Some("json") => logging.format = LogFormat::Json,
            Some(_) => reader.error(value, "log_format must be 'text' or 'json'"),
            None => {}
        }
    }
}
