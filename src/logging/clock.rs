//! Time stamps. Formatting the seconds costs, so each thread keeps its last one.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local, Utc};

/// Length of `2006/01/02 15:04:05`.
const SECONDS_LENGTH: usize = 19;

thread_local! {
    static LAST: Cell<CachedSecond> = const { Cell::new(CachedSecond { second: i64::MIN, utc: false, text: [0; SECONDS_LENGTH] }) };
}

#[derive(Clone, Copy)]
struct CachedSecond {
    second: i64,
    utc: bool,
    text: [u8; SECONDS_LENGTH],
}

/// Appends the present as `2006/01/02 15:04:05.000000`, in UTC or in local time.
pub(super) fn push_stamp(out: &mut Vec<u8>, utc: bool) {
    let (second, nanos) = now();
    let mut cached = LAST.get();
    if cached.second != second || cached.utc != utc {
        cached = CachedSecond { second, utc, text: seconds_text(second, utc) };
        LAST.set(cached);
    }
    out.extend_from_slice(&cached.text);
    out.push(b'.');
    let mut rest = nanos / 1000;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

/// The present as RFC 3339 with microseconds, for JSON lines.
pub(super) fn json_stamp(utc: bool) -> String {
    let micros = chrono::SecondsFormat::Micros;
    match utc {
        true => Utc::now().to_rfc3339_opts(micros, true),
        false => Local::now().to_rfc3339_opts(micros, true),
    }
}

/// The present in local time as `2006/01/02 15:04:05`.
pub(super) fn local_seconds() -> String {
    Local::now().format("%Y/%m/%d %H:%M:%S").to_string()
}

/// The present in local time as in names of rotated files: `2006.01.02.15.04.05.000000000`.
pub(super) fn backup_suffix() -> String {
    Local::now().format("%Y.%m.%d.%H.%M.%S.%9f").to_string()
}

/// The present in local time as in messages to a local syslog: `Jan _2 15:04:05`.
pub(super) fn syslog_local() -> String {
    Local::now().format("%b %e %H:%M:%S").to_string()
}

/// The present in local time as in messages to a remote syslog: RFC 3339 in seconds.
pub(super) fn syslog_remote() -> String {
    Local::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn now() -> (i64, u32) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX), since_epoch.subsec_nanos())
}

fn seconds_text(second: i64, utc: bool) -> [u8; SECONDS_LENGTH] {
    let time = DateTime::<Utc>::from_timestamp(second, 0).unwrap_or_default();
    let format = "%Y/%m/%d %H:%M:%S";
    let text = match utc {
        true => time.format(format).to_string(),
        false => time.with_timezone(&Local).format(format).to_string(),
    };
    let mut bytes = [b' '; SECONDS_LENGTH];
    let length = text.len().min(SECONDS_LENGTH);
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    bytes
}
