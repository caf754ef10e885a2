//! Subjects: names made of tokens between dots, and the wildcards in them.
//!
//! A subject is a byte slice: UTF-8 is not enforced on the wire. `*` stands for exactly one token and `>`
//! for one or more tokens at the end; both only when they are a whole token (`foo*` is literal).
//! A subject with an empty token is never matched, as in the server's subscription index.

use memchr::{memchr, memchr_iter};

/// Token separator.
pub const SEPARATOR: u8 = b'.';

/// Iterator over the tokens of a subject, see [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (token, tail) = split_token(rest);
        self.rest = tail;
        Some(token)
    }
}

/// Tokens of `subject`, empty ones included. The empty subject has one empty token.
#[inline]
#[must_use]
pub fn tokens(subject: &[u8]) -> Tokens<'_> {
    Tokens { rest: Some(subject) }
}

/// Number of tokens; zero for the empty subject.
#[inline]
#[must_use]
pub fn num_tokens(subject: &[u8]) -> usize {
    if subject.is_empty() { 0 } else { memchr_iter(SEPARATOR, subject).count() + 1 }
}

/// Whether `subject` may be subscribed to: no empty token, nothing after a `>` token.
#[must_use]
pub fn is_subscribable(subject: &[u8]) -> bool {
    let mut ended = false;
    tokens(subject).all(|token| {
        let is_valid = !ended && !token.is_empty();
        ended = token == b">";
        is_valid
    })
}

/// Whether `subject` has no empty token, no token behind `>` and no white space.
#[must_use]
pub fn is_valid_subscription(subject: &[u8]) -> bool {
    let mut ended = false;
    for token in tokens(subject) {
        if ended || token.is_empty() || token.iter().any(|b| is_space(*b)) {
            return false;
        }
        ended = token == b">";
    }
    true
}

/// Whether no token of `subject` is a wildcard.
#[must_use]
pub fn is_literal(subject: &[u8]) -> bool {
    let is_edge = |b: Option<&u8>| matches!(b, None | Some(&SEPARATOR));
    !memchr::memchr2_iter(b'*', b'>', subject)
        .any(|at| is_edge(at.checked_sub(1).and_then(|before| subject.get(before))) && is_edge(subject.get(at + 1)))
}

/// Whether `subject` is a valid subject without wildcards.
#[must_use]
pub fn is_valid_publish(subject: &[u8]) -> bool {
    is_valid_subscription(subject) && is_literal(subject)
}

/// Whether a message on `literal` reaches a subscription to `pattern`.
///
/// Wildcards in `literal` are ordinary characters. `pattern` must be valid.
#[must_use]
pub fn matches(literal: &[u8], pattern: &[u8]) -> bool {
    let (mut literal, mut pattern) = (literal, pattern);
    loop {
        let (wanted, pattern_rest) = split_token(pattern);
        if pattern_rest.is_none() && wanted == b">" {
            return !has_empty_token(literal);
        }
        let (token, literal_rest) = split_token(literal);
        if token.is_empty() || (wanted != b"*" && wanted != token) {
            return false;
        }
        match (literal_rest, pattern_rest) {
            (None, None) => return true,
            (Some(l), Some(p)) => (literal, pattern) = (l, p),
            _ => return false,
        }
    }
}

/// Whether every message that reaches `subject`, which may have wildcards, also reaches `pattern`.
///
/// Both should be valid. Tokens of `subject` that a final `>` takes are not looked at: queue names, which may
/// have empty tokens, are matched with this function too.
#[must_use]
pub fn is_subset(subject: &[u8], pattern: &[u8]) -> bool {
    let (mut subject, mut pattern) = (subject, pattern);
    loop {
        let (wanted, pattern_rest) = split_token(pattern);
        let (token, subject_rest) = split_token(subject);
        if pattern_rest.is_none() && wanted == b">" {
            return !token.is_empty();
        }
        if token.is_empty() || token == b">" || (wanted != b"*" && wanted != token) {
            return false;
        }
        match (subject_rest, pattern_rest) {
            (None, None) => return true,
            (Some(s), Some(p)) => (subject, pattern) = (s, p),
            _ => return false,
        }
    }
}

/// Whether some message can reach both `a` and `b`. Both must be valid.
#[must_use]
pub fn overlaps(a: &[u8], b: &[u8]) -> bool {
    let (mut a, mut b) = (a, b);
    loop {
        let ((token_a, rest_a), (token_b, rest_b)) = (split_token(a), split_token(b));
        if (rest_a.is_none() && token_a == b">") || (rest_b.is_none() && token_b == b">") {
            return !has_empty_token(a) && !has_empty_token(b);
        }
        if token_a.is_empty() || token_b.is_empty() {
            return false;
        }
        if token_a != b"*" && token_b != b"*" && token_a != token_b {
            return false;
        }
        match (rest_a, rest_b) {
            (None, None) => return true,
            (Some(next_a), Some(next_b)) => (a, b) = (next_a, next_b),
            _ => return false,
        }
    }
}

/// Whether a token of `subject` is empty: such a subject is never matched and cannot be subscribed to.
#[must_use]
pub fn has_empty_token(subject: &[u8]) -> bool {
    let mut token_start = 0;
    for at in memchr_iter(SEPARATOR, subject) {
        if at == token_start {
            return true;
        }
        token_start = at + 1;
    }
    token_start == subject.len()
}

/// First token and what follows its separator.
#[inline]
fn split_token(subject: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr(SEPARATOR, subject) {
        Some(at) => (&subject[..at], Some(&subject[at + 1..])),
        None => (subject, None),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_into_tokens() {
        let split = |s: &'static str| tokens(s.as_bytes()).collect::<Vec<_>>();
        assert_eq!(split("foo.bar"), [b"foo", b"bar"]);
        assert_eq!(split("foo"), [b"foo"]);
        assert_eq!(split("a..b."), [&b"a"[..], b"", b"b", b""]);
        assert_eq!(split(""), [b""]);
        for (subject, count) in [("", 0), ("a", 1), ("a.b.c", 3), ("a.", 2), (".", 2)] {
            assert_eq!(num_tokens(subject.as_bytes()), count, "{subject}");
        }
    }

    #[test]
    fn judges_validity() {
        for (subject, subscription, literal, publish) in [
            ("foo", true, true, true),
            ("foo.bar", true, true, true),
            ("*", true, false, false),
            (">", true, false, false),
            ("foo.*.bar", true, false, false),
            ("foo.>", true, false, false),
            ("foo*", true, true, true),
            ("foo.*bar.>x", true, true, true),
            ("**", true, true, true),
            (">>", true, true, true),
            ("foo.>.bar", false, false, false),
            (">.foo", false, false, false),
            ("", false, true, false),
            (".foo", false, true, false),
            ("foo.", false, true, false),
            ("foo..bar", false, true, false),
            ("foo bar", false, true, false),
            ("foo.\t", false, true, false),
            ("fo\x0co", false, true, false),
        ] {
            let bytes = subject.as_bytes();
            assert_eq!(is_valid_subscription(bytes), subscription, "subscription {subject:?}");
            assert_eq!(is_literal(bytes), literal, "literal {subject:?}");
            assert_eq!(is_valid_publish(bytes), publish, "publish {subject:?}");
        }
        assert!(is_valid_publish(b"\xff\xfe.\x00"), "any other byte is allowed");
    }

    #[test]
    fn matches_literals_to_patterns() {
        for (literal, pattern, expected) in [
            ("foo", "foo", true),
            ("foo", "bar", false),
            ("foo", "*", true),
            ("foo", ">", true),
            ("foo.bar", "*", false),
            ("foo.bar", "foo.*", true),
            ("foo.bar", "foo.>", true),
            ("foo", "foo.>", false),
            ("foo", "foo.*", false),
            ("foo.bar.baz", "foo.*.baz", true),
            ("foo.bar.baz", "foo.*", false),
            ("foo.bar", "foo.bar*", false),
            ("foo.bar*", "foo.bar*", true),
            ("foo.*", "foo.*", true),
            ("foo.*", "foo.bar", false),
            ("foo.>", "foo.*", true),
            (".foo", "*.foo", false),
            ("foo.", "foo.*", false),
            ("foo.", "foo.>", false),
            ("foo.a..b", "foo.>", false),
            ("", ">", false),
        ] {
            assert_eq!(matches(literal.as_bytes(), pattern.as_bytes()), expected, "{literal} in {pattern}");
        }
    }

    #[test]
    fn compares_patterns() {
        for (a, b, subset, overlap) in [
            ("foo", "foo", true, true),
            ("foo.*", "foo.>", true, true),
            ("foo.>", "foo.*", false, true),
            ("foo.>", "foo.*.>", false, true),
            ("foo.*.>", "foo.>", true, true),
            ("foo.*", "foo.*.>", false, false),
            ("foo.*", "foo.bar", false, true),
            ("foo.bar", "foo.*", true, true),
            ("*.bar", "foo.*", false, true),
            ("*.bar", "foo.baz", false, false),
            (">", "foo", false, true),
            ("foo", ">", true, true),
            (">", ">", true, true),
            ("foo.>", "foo", false, false),
            ("foo*", "foobar", false, false),
        ] {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            assert_eq!(is_subset(a, b), subset, "{} in {}", a.escape_ascii(), b.escape_ascii());
            assert_eq!(overlaps(a, b), overlap, "{} and {}", a.escape_ascii(), b.escape_ascii());
            assert_eq!(overlaps(b, a), overlap, "{} and {}", b.escape_ascii(), a.escape_ascii());
        }
    }

    /// All literals of one to four tokens over a small alphabet: enough to tell patterns of up to three apart.
    fn literals() -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut last = vec![String::new()];
        for _ in 0..4 {
            last = last
                .iter()
                .flat_map(|head| ["a", "b", "a*"].map(|token| format!("{head}.{token}")))
                .collect::<Vec<_>>();
            all.extend(last.iter().map(|subject| subject[1..].to_owned()));
        }
        all
    }

    fn slow_match(literal: &str, pattern: &str) -> bool {
        let (literal, pattern): (Vec<_>, Vec<_>) = (literal.split('.').collect(), pattern.split('.').collect());
        if literal.contains(&"") {
            return false;
        }
        if pattern.last() == Some(&">") {
            let head = &pattern[..pattern.len() - 1];
            return literal.len() > head.len() && head.iter().zip(&literal).all(|(p, l)| *p == "*" || p == l);
        }
        pattern.len() == literal.len() && pattern.iter().zip(&literal).all(|(p, l)| *p == "*" || p == l)
    }

    fn pattern() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec!["a", "b", "a*", "*"]);
        (prop::collection::vec(token, 0..3), prop::sample::select(vec!["a", "b", "*", ">"])).prop_map(|(mut t, end)| {
            t.push(end);
            t.join(".")
        })
    }

    proptest! {
        #[test]
        fn match_agrees_with_token_splitting(literal in "[ab*.]{0,6}", pattern in pattern()) {
            prop_assert_eq!(matches(literal.as_bytes(), pattern.as_bytes()), slow_match(&literal, &pattern));
        }

        #[test]
        fn pattern_relations_agree_with_enumeration(a in pattern(), b in pattern()) {
            let all = literals();
            let subset = all.iter().all(|l| !slow_match(l, &a) || slow_match(l, &b));
            let overlap = all.iter().any(|l| slow_match(l, &a) && slow_match(l, &b));
            prop_assert_eq!(is_subset(a.as_bytes(), b.as_bytes()), subset);
            prop_assert_eq!(overlaps(a.as_bytes(), b.as_bytes()), overlap);
        }

        #[test]
        fn validity_agrees_with_token_splitting(subject in "[ab*>. \t]{0,7}") {
            let split: Vec<&str> = subject.split('.').collect();
            let end = split.iter().position(|t| *t == ">").unwrap_or(split.len());
            let valid = end + 1 >= split.len() && split.iter().all(|t| !t.is_empty() && !t.contains([' ', '\t']));
            let literal = !split.iter().any(|t| *t == "*" || *t == ">");
            prop_assert_eq!(is_valid_subscription(subject.as_bytes()), valid);
            prop_assert_eq!(is_literal(subject.as_bytes()), literal);
            prop_assert_eq!(is_valid_publish(subject.as_bytes()), valid && literal);
        }
    }
}
