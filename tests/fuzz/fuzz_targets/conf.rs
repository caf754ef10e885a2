//! The configuration parser on any bytes: an answer or an error with a place, never a panic, and bounded work.
//!
//! The bytes before the first NUL are the file, those behind it what every include and every variable contains.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_codecs::conf::{Included, Resolver, parse};

/// Answers every question with the same text.
struct Echo<'a>(&'a [u8]);

impl Resolver for Echo<'_> {
    fn include(&self, _including_file: &str, path: &str) -> Result<Included, String> {
        Ok(Included { file: path.to_owned(), text: self.0.to_vec() })
    }

    fn environment(&self, _name: &str) -> Option<String> {
        std::str::from_utf8(self.0).ok().map(str::to_owned)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let (file, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Ok(document) = parse(file, "fuzz.conf", &Echo(rest)) {
        // What was understood has a JSON form, which is a text of the language again.
        let json = document.to_json();
        assert!(is_balanced(&json));
    }
});

/// Whether braces and brackets outside of strings are balanced.
fn is_balanced(json: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_i64, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth == 0 && !quoted
}
