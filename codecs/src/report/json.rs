//! JSON as Go's `encoding/json` writes it.

use memchr::{memchr_iter, memchr3_iter};
use serde::{Serialize, Serializer};
use serde_json::ser::{PrettyFormatter, Serializer as JsonSerializer};

/// How a document is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In one line.
    Compact,
    /// Indented by two spaces: most documents.
    Two,
    /// Indented by three spaces: `/ipqueuesz` and `/raftz`.
    Three,
}

/// Writes a document: `<`, `>`, `&` and the Unicode line separators are escaped, floats without a fraction are whole numbers
/// where the field asks for it ([`go_float`]).
///
/// # Errors
/// A map whose keys are no texts, which no document has.
pub fn render<T: Serialize + ?Sized>(document: &T, layout: Layout) -> Result<Vec<u8>, serde_json::Error> {
    let mut plain = Vec::with_capacity(1024);
    match layout {
        Layout::Compact => serde_json::to_writer(&mut plain, document)?,
        Layout::Two => document.serialize(&mut indented(&mut plain, b"  "))?,
        Layout::Three => document.serialize(&mut indented(&mut plain, b"   "))?,
    }
    Ok(escaped(plain))
}

fn indented<'a>(out: &'a mut Vec<u8>, indent: &'a [u8]) -> JsonSerializer<&'a mut Vec<u8>, PrettyFormatter<'a>> {
    JsonSerializer::with_formatter(out, PrettyFormatter::with_indent(indent))
}

/// Escapes what Go escapes beyond the rules of JSON. These characters stand in texts only.
fn escaped(plain: Vec<u8>) -> Vec<u8> {
    let mut places: Vec<usize> = memchr3_iter(b'<', b'>', b'&', &plain).chain(memchr_iter(0xe2, &plain)).collect();
    if places.is_empty() {
        return plain;
    }
    places.sort_unstable();
    let mut out = Vec::with_capacity(plain.len() + 8 * places.len());
    let mut from = 0;
    for place in places {
        if let Some((text, len)) = escape_at(&plain[place..]) {
            out.extend_from_slice(&plain[from..place]);
            out.extend_from_slice(text);
            from = place + len;
        }
    }
    out.extend_from_slice(&plain[from..]);
    out
}

fn escape_at(bytes: &[u8]) -> Option<(&'static [u8], usize)> {
    match bytes {
        [b'<', ..] => Some((b"\\u003c", 1)),
        [b'>', ..] => Some((b"\\u003e", 1)),
        [b'&', ..] => Some((b"\\u0026", 1)),
        [0xe2, 0x80, 0xa8, ..] => Some((b"\\u2028", 3)),
        [0xe2, 0x80, 0xa9, ..] => Some((b"\\u2029", 3)),
        _ => None,
    }
}

/// Serializes a float as Go does: without a fraction where it has none.
///
/// # Errors
/// Those of the serializer.
pub fn go_float<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT {
        return serializer.serialize_i64(*value as i64);
    }
    serializer.serialize_f64(*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sample {
        #[serde(serialize_with = "go_float")]
        whole: f64,
        #[serde(serialize_with = "go_float")]
        part: f64,
        text: &'static str,
        empty: [u8; 0],
        list: [u8; 2],
    }

    const SAMPLE: Sample = Sample { whole: 2.0, part: 0.25, text: "<a> & \u{2028}é\"", empty: [], list: [1, 2] };

    fn text(layout: Layout) -> String {
        String::from_utf8(render(&SAMPLE, layout).expect("renders")).expect("UTF-8")
    }

    #[test]
    fn texts_floats_and_indents_are_those_of_go() {
        let compact = r#"{"whole":2,"part":0.25,"text":"\u003ca\u003e \u0026 \u2028é\"","empty":[],"list":[1,2]}"#;
        assert_eq!(text(Layout::Compact), compact);
        let two = "{\n  \"whole\": 2,\n  \"part\": 0.25,\n  \"text\": \"\\u003ca\\u003e \\u0026 \\u2028é\\\"\",\n  \
                   \"empty\": [],\n  \"list\": [\n    1,\n    2\n  ]\n}";
        assert_eq!(text(Layout::Two), two);
        assert_eq!(text(Layout::Three).lines().nth(1), Some("   \"whole\": 2,"));
    }
}
