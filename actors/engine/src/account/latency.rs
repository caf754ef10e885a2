//! Which requests of a service are measured.

use std::collections::BTreeMap;

use crate::options::Sampling;

/// Headers by name.
pub type Headers = BTreeMap<String, Vec<String>>;

const UBER: &str = "Uber-Trace-Id";
const UBER_CONTEXT: &str = "Uberctx-";
const B3: &str = "B3";
const B3_SAMPLED: &str = "X-B3-Sampled";
const B3_TRACE: &str = "X-B3-Traceid";
const B3_PARENT: &str = "X-B3-Parentspanid";
const B3_SPAN: &str = "X-B3-Spanid";
const CONTEXT: &str = "Traceparent";
const CONTEXT_STATE: &str = "Tracestate";

/// Whether a request with these headers is measured, and the headers that ask for it. `chance` is a number below 100
/// chosen by lot.
#[must_use]
pub fn chosen(sampling: Sampling, chance: u8, headers: &[u8]) -> Option<Headers> {
    if let Sampling::Percent(percent) = sampling
        && (percent >= 100 || chance <= percent)
    {
        return Some(Headers::new());
    }
    let headers = parse(headers);
    let first = |name: &str| headers.get(name).and_then(|values| values.first()).map(String::as_str);
    let only = |wanted: &dyn Fn(&str) -> bool| -> Headers {
        headers.iter().filter(|(name, _)| wanted(name)).map(|(name, values)| (name.clone(), values.clone())).collect()
    };
    if let Some(id) = first(UBER) {
        return is_uber_sampled(id).then(|| only(&|name| name == UBER || name.starts_with(UBER_CONTEXT)));
    }
    let of_b3 = |name: &str| [B3_SAMPLED, B3_TRACE, B3_PARENT, B3_SPAN].contains(&name);
    match first(B3_SAMPLED) {
        Some("1") => return Some(only(&of_b3)),
        Some("0") => return None,
        _ if first(B3_TRACE).is_some() => return Some(only(&of_b3)),
        _ => {}
    }
    if let Some(b3) = first(B3) {
        let parts: Vec<&str> = b3.split('-').collect();
        let is_denied = parts.get(2) == Some(&"0") || parts == ["0"];
        return (!is_denied).then(|| only(&|name| name == B3));
    }
    let parts: Vec<&str> = first(CONTEXT)?.split('-').collect();
    is_context_sampled(&parts).then(|| only(&|name| name == CONTEXT || name == CONTEXT_STATE))
}

/// The flags behind the third colon, one or two hexadecimal digits.
fn is_uber_sampled(id: &str) -> bool {
    let parts: Vec<&str> = id.split(':').collect();
    parts.len() == 4
        && (1..=2).contains(&parts[3].len())
        && u8::from_str_radix(parts[3], 16).is_ok_and(|flags| flags & 1 == 1)
}

/// Whether the flags of a W3C trace context, two hexadecimal digits, say that it is sampled.
#[must_use]
pub fn is_context_sampled(parts: &[&str]) -> bool {
    // Flags over 7f are out of range in nats-server.
    parts.len() == 4 && parts[3].len() == 2 && i8::from_str_radix(parts[3], 16).is_ok_and(|flags| flags & 1 == 1)
}

/// Headers with their names in canonical form: `uber-TRACE-id` is `Uber-Trace-Id`.
fn parse(headers: &[u8]) -> Headers {
    let mut found = Headers::new();
    let text = String::from_utf8_lossy(headers);
    for line in text.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        found.entry(canonical(name)).or_default().push(value.trim().to_owned());
    }
    found
}

fn canonical(name: &str) -> String {
    let mut is_start = true;
    let letter = |letter: char| {
        let result = if is_start { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        is_start = letter == '-';
        result
    };
    name.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &str) -> Option<Vec<String>> {
        let headers = format!("NATS/1.0\r\n{headers}\r\n\r\n");
        chosen(Sampling::Headers, 0, headers.as_bytes()).map(|found| found.into_keys().collect())
    }

    #[test]
    fn tracing_headers_choose() {
        assert_eq!(names("Uber-Trace-Id: 479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1"), Some(vec![UBER.into()]));
        assert_eq!(names("uber-trace-id: a:b:c:1\r\nUberctx-x: 1"), Some(vec![UBER.into(), "Uberctx-X".into()]));
        assert_eq!(names("Uber-Trace-Id: a:b:c:0"), None);
        assert_eq!(names("Uber-Trace-Id: a:b:c"), None);
        assert_eq!(names("X-B3-Sampled: 1"), Some(vec![B3_SAMPLED.into()]));
        assert_eq!(names("X-B3-Sampled: 0\r\nX-B3-TraceId: a"), None);
        assert_eq!(names("X-B3-TraceId: a"), Some(vec![B3_TRACE.into()]));
        assert_eq!(
            names("b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90"),
            Some(vec![B3.into()])
        );
        assert_eq!(names("b3: a-b-0"), None);
        assert_eq!(names("b3: 0"), None);
        assert_eq!(
            names("Traceparent: 00-4bf9-00f0-01\r\nTracestate: x"),
            Some(vec![CONTEXT.into(), CONTEXT_STATE.into()])
        );
        assert_eq!(names("Traceparent: 00-4bf9-00f0-00"), None);
        assert_eq!(names("Other: 1"), None);
    }

    #[test]
    fn percents_choose_by_lot() {
        assert!(chosen(Sampling::Percent(100), 99, b"").is_some());
        assert!(chosen(Sampling::Percent(10), 10, b"").is_some());
        assert!(chosen(Sampling::Percent(10), 11, b"").is_none());
    }
}
