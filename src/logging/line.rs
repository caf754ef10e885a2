//! One event as one line.

use std::io::Write as _;

use troupe_engine::options::{LogFormat, LoggingOptions};

use super::clock;
use super::scratch::{Scratch, push_json_string};
use super::severity::Severity;

/// Layout of lines. Each ends with a line feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStyle {
    /// Text or JSON.
    pub format: LogFormat,
    /// Text lines carry the time.
    pub has_time: bool,
    /// The time is in UTC.
    pub utc: bool,
    /// Labels are coloured.
    pub colours: bool,
    /// Text lines are the message alone: syslog adds process, time and severity itself.
    pub is_bare: bool,
}

impl LineStyle {
    /// Layout asked for by the options, for a plain destination.
    #[must_use]
    pub fn of(options: &LoggingOptions) -> Self {
        Self {
            format: options.format,
            has_time: options.logtime,
            utc: options.logtime_utc,
            colours: false,
            is_bare: false,
        }
    }

    pub(super) fn push_line(self, out: &mut Vec<u8>, severity: Severity, event: &Scratch) {
        match self.format {
            LogFormat::Json => self.push_json(out, severity, event),
            LogFormat::Text => {
                self.push_prefix(out, severity);
                if !event.conn.is_empty() {
                    out.extend_from_slice(event.conn.as_bytes());
                    out.extend_from_slice(b" - ");
                }
                out.extend_from_slice(event.message.as_bytes());
                out.extend_from_slice(event.text_fields.as_bytes());
            }
        }
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
    }

    /// `[pid] 2006/01/02 15:04:05.000000 [LVL] `, as far as wanted.
    fn push_prefix(self, out: &mut Vec<u8>, severity: Severity) {
        if self.is_bare {
            return;
        }
        let _ = write!(out, "[{}] ", std::process::id());
        if self.has_time {
            clock::push_stamp(out, self.utc);
            out.push(b' ');
        }
        let label = if self.colours { severity.coloured_label() } else { severity.label() };
        let _ = write!(out, "[{label}] ");
    }

    fn push_json(self, out: &mut Vec<u8>, severity: Severity, event: &Scratch) {
        let _ = write!(
            out,
            r#"{{"time":"{}","level":"{}","pid":{},"message":"#,
            clock::json_stamp(self.utc),
            severity.word(),
            std::process::id()
        );
        push_json_string(out, &event.message);
        if !event.conn.is_empty() {
            out.extend_from_slice(br#","conn":"#);
            push_json_string(out, &event.conn);
        }
        out.extend_from_slice(&event.json_fields);
        out.push(b'}');
    }

    /// A line the log writes about itself. In text it ends CR LF and is in local time when `is_rotation` is set,
    /// as nats-server's lines about rotation are.
    pub(super) fn own_line(self, severity: Severity, message: &str, is_rotation: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 64);
        let style = Self { utc: self.utc && !is_rotation, ..self };
        let event = Scratch { message: message.to_owned(), ..Scratch::default() };
        style.push_line(&mut out, severity, &event);
        if is_rotation && self.format == LogFormat::Text {
            out.truncate(out.len() - 1);
            out.extend_from_slice(b"\r\n");
        }
        out
    }
}
