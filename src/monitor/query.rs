//! Query strings as Go reads them: the first value of a key counts, and what cannot be unescaped is left out.

use std::borrow::Cow;

use actix_web::HttpResponse;
use troupe_codecs::report::ConnState;

use super::answer;
use crate::text::quoted;

/// The parameters of one request.
pub(super) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// A parameter that cannot be read, as the response that says so.
pub(super) type Parameter<T> = Result<T, HttpResponse>;

impl<'a> Query<'a> {
    /// Reads `text`, which stands behind the question mark.
    pub(super) fn parse(text: &'a str) -> Self {
        let parts = text.split('&').filter(|part| !part.is_empty() && !part.contains(';'));
        let pairs = parts.filter_map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            Some((unescaped(key)?, unescaped(value)?))
        });
        Self { pairs: pairs.collect() }
    }

    /// A text; empty when absent.
    pub(super) fn text(&self, key: &str) -> &str {
        self.pairs.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    /// A truth value; false when absent or empty.
    pub(super) fn boolean(&self, key: &str) -> Parameter<bool> {
        match self.text(key) {
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            other => Err(unreadable("boolean", key, "ParseBool", other, "invalid syntax")),
        }
    }

    /// A number; zero when absent or empty.
    pub(super) fn integer(&self, key: &str) -> Parameter<i64> {
        let text = self.text(key);
        if text.is_empty() {
            return Ok(0);
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        text.parse().map_err(|_| unreadable("int", key, "Atoi", text, number_fault(digits)))
    }

    /// A number that is not negative; zero when absent or empty.
    pub(super) fn unsigned(&self, key: &str) -> Parameter<u64> {
        let text = self.text(key);
        if text.is_empty() {
            return Ok(0);
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| unreadable("uint64", key, "ParseUint", text, number_fault(text)))
    }

    /// `subs`: whether subscriptions are listed, and whether in detail.
    pub(super) fn subscriptions(&self) -> Parameter<(bool, bool)> {
        if self.text("subs").eq_ignore_ascii_case("detail") {
            return Ok((false, true));
        }
        Ok((self.boolean("subs")?, false))
    }

    /// `state` of connections.
    pub(super) fn state(&self) -> Parameter<ConnState> {
        let text = self.text("state");
        match text.to_lowercase().as_str() {
            "" | "open" => Ok(ConnState::Open),
            "closed" => Ok(ConnState::Closed),
            "any" | "all" => Ok(ConnState::All),
            _ => Err(answer::bad_request(format!("Error decoding state for {text}"))),
        }
    }
}

fn number_fault(digits: &str) -> &'static str {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { "value out of range" } else { "invalid syntax" }
}

fn unreadable(what: &str, key: &str, function: &str, text: &str, reason: &str) -> HttpResponse {
    let text = quoted(text);
    answer::bad_request(format!("Error decoding {what} for '{key}': strconv.{function}: parsing {text}: {reason}"))
}

/// Undoes `%XX` and `+`; `None` where an escape is cut off or no hexadecimal number. Bytes that are no UTF-8 are replaced.
fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hexadecimal(rest.next()?)? << 4 | hexadecimal(rest.next()?)?,
            byte => byte,
        });
    }
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(result: Parameter<impl std::fmt::Debug>) -> String {
        use actix_web::body::MessageBody;
        let response = result.expect_err("refused");
        assert_eq!(response.status(), 400);
        let bytes = response.into_body().try_into_bytes().expect("a whole body");
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    #[test]
    fn the_first_value_counts_and_broken_escapes_do_not() {
        let query = Query::parse("a=1&a=2&b=x%20y+z&c=%zz&d&&%61b=e&f=1;g=2");
        let texts = ["a", "b", "c", "d", "ab", "f", "g"].map(|key| query.text(key));
        assert_eq!(texts, ["1", "x y z", "", "", "e", "", ""]);
    }

    #[test]
    fn faults_are_told_in_gos_words() {
        let query = Query::parse("b=yes&i=1x&l=99999999999999999999&u=-1&v=99999999999999999999&state=Foo&subs=x%22");
        let cases = [
            (
                body(query.boolean("b")),
                r#"Error decoding boolean for 'b': strconv.ParseBool: parsing "yes": invalid syntax"#,
            ),
            (body(query.integer("i")), r#"Error decoding int for 'i': strconv.Atoi: parsing "1x": invalid syntax"#),
            (
                body(query.integer("l")),
                r#"Error decoding int for 'l': strconv.Atoi: parsing "99999999999999999999": value out of range"#,
            ),
            (
                body(query.unsigned("u")),
                r#"Error decoding uint64 for 'u': strconv.ParseUint: parsing "-1": invalid syntax"#,
            ),
            (
                body(query.unsigned("v")),
                r#"Error decoding uint64 for 'v': strconv.ParseUint: parsing "99999999999999999999": value out of range"#,
            ),
            (body(query.state()), "Error decoding state for Foo"),
            (
                body(query.subscriptions()),
                r#"Error decoding boolean for 'subs': strconv.ParseBool: parsing "x\"": invalid syntax"#,
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_there_is_read() {
        let query = Query::parse("b=T&i=-3&p=%2B4&u=7&state=ANY&subs=Detail");
        assert_eq!(query.boolean("b").ok(), Some(true));
        assert_eq!(
            [query.integer("i").ok(), query.integer("p").ok(), query.integer("none").ok()],
            [Some(-3), Some(4), Some(0)]
        );
        assert_eq!(query.unsigned("u").ok(), Some(7));
        assert_eq!(query.state().ok(), Some(ConnState::All));
        assert_eq!(query.subscriptions().ok(), Some((false, true)));
    }
}
