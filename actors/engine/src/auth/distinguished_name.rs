//! Distinguished names, compared the way nats-server maps certificates to users.

use super::certificate::RelativeName;

/// Attributes that may appear in a certificate's name; with any other, the name is not used for mapping.
const ATTRIBUTES: [(&str, &str); 10] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.17", "POSTALCODE"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// A name as a sequence of sets of attributes, the most specific first (RFC 4514).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinguishedName {
    sets: Vec<Vec<Attribute>>,
}

/// One `TYPE=value`. Types compare without regard to case, values with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    kind: String,
    value: Vec<u8>,
}

impl DistinguishedName {
    /// Reads `CN=a,OU=b+OU=c`. `None` when the text is no such name, for example a plain user name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.as_bytes() };
        let mut name = Self::default();
        let mut set = Vec::new();
        if text.is_empty() {
            return Some(name);
        }
        loop {
            let (attribute, end) = parser.attribute()?;
            set.push(attribute);
            if end != Some(b'+') {
                name.sets.push(std::mem::take(&mut set));
            }
            match end {
                None => return Some(name),
                Some(_) if parser.rest.is_empty() => return None,
                Some(_) => {}
            }
        }
    }

    /// The subject of a certificate, in the order of its encoding. `None` when it has an attribute that cannot be named.
    pub(super) fn from_subject(subject: &[RelativeName]) -> Option<Self> {
        let attribute = |(oid, value): &(String, Vec<u8>)| {
            let (_, kind) = ATTRIBUTES.iter().find(|(known, _)| known == oid)?;
            Some(Attribute { kind: (*kind).to_owned(), value: value.clone() })
        };
        let sets = subject.iter().rev().map(|set| set.iter().map(attribute).collect());
        Some(Self { sets: sets.collect::<Option<_>>()? })
    }

    /// Whether both have the same sets in the same order.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.sets.len() == other.sets.len() && self.sets.iter().zip(&other.sets).all(|(a, b)| same_set(a, b))
    }

    /// Whether every set of this name is one of the other's and there are as many: the order is not compared.
    #[must_use]
    pub fn matches_in_any_order(&self, other: &Self) -> bool {
        self.sets.len() == other.sets.len() && self.sets.iter().all(|a| other.sets.iter().any(|b| same_set(a, b)))
    }
}

fn same_set(a: &[Attribute], b: &[Attribute]) -> bool {
    a.len() == b.len() && a.iter().all(|x| b.contains(x)) && b.iter().all(|x| a.contains(x))
}

/// Reads attributes off the front of a text.
struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    /// The next attribute, and the `,` or `+` behind it.
    fn attribute(&mut self) -> Option<(Attribute, Option<u8>)> {
        let (kind, end) = self.token(b"=,+")?;
        if kind.is_empty() || end != Some(b'=') {
            return None;
        }
        let (mut value, end) = self.token(b",+")?;
        if let Some(hex) = value.text.strip_prefix(b"#").filter(|_| value.starts_bare) {
            value.text = ber_content(hex)?;
        }
        let kind = String::from_utf8(kind.text).ok()?.to_ascii_uppercase();
        Some((Attribute { kind, value: value.text }, end))
    }

    /// Bytes up to one of `ends`, without escapes and without blanks around them.
    fn token(&mut self, ends: &[u8]) -> Option<(Token, Option<u8>)> {
        let mut token = Token::default();
        let mut kept = 0;
        let end = loop {
            let Some((&byte, rest)) = self.rest.split_first() else { break None };
            self.rest = rest;
            match byte {
                b'\\' => {
                    let byte = self.escaped()?;
                    token.text.push(byte);
                    kept = token.text.len();
                }
                end if ends.contains(&end) => break Some(end),
                b' ' if token.text.is_empty() => {}
                other => {
                    token.starts_bare |= token.text.is_empty();
                    token.text.push(other);
                    kept = if other == b' ' { kept } else { token.text.len() };
                }
            }
        };
        token.text.truncate(kept);
        Some((token, end))
    }

    /// The byte behind a backslash: itself, or two hexadecimal digits.
    fn escaped(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        if b" \"#+,;<=>\\".contains(&first) {
            self.rest = rest;
            return Some(first);
        }
        let (digits, rest) = self.rest.split_at_checked(2)?;
        self.rest = rest;
        hex_byte(digits)
    }
}

#[derive(Default)]
struct Token {
    text: Vec<u8>,
    /// The first byte was not escaped.
    starts_bare: bool,
}

impl Token {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match *digits {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

/// Content of a short BER value written in hexadecimal.
fn ber_content(hex: &[u8]) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = hex.chunks(2).map(hex_byte).collect::<Option<_>>()?;
    let (&[_tag, length], content) = bytes.split_first_chunk::<2>()?;
    (length < 0x80 && usize::from(length) == content.len()).then(|| content.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn order_case_and_blanks() {
        let certificate = name("O=Nats Inc,CN=Bob");
        // Observed on nats-server 2.15.1 with a certificate of CN=Bob, O=Nats Inc.
        let cases = [
            ("cn=Bob,o=Nats Inc", true),
            ("CN = Bob , O = Nats Inc", true),
            ("cn=bob,o=nats inc", false),
            ("2.5.4.3=Bob,2.5.4.10=Nats Inc", false),
            ("CN=Bob;O=Nats Inc", false),
            ("CN=Bob+O=Nats Inc", false),
            ("CN=Bob", false),
        ];
        for (text, matches) in cases {
            assert_eq!(name(text).matches_in_any_order(&certificate), matches, "{text}");
        }
        assert!(!name("cn=Bob,o=Nats Inc").matches(&certificate));
        assert!(name("o=Nats Inc,cn=Bob").matches(&certificate));
        assert!(name("OU=a+OU=b,CN=x").matches(&name("OU=b+OU=a,CN=x")));
        assert!(!name("OU=a,OU=b,CN=x").matches_in_any_order(&name("OU=a+OU=b,CN=x,C=y")));
    }

    #[test]
    fn escapes() {
        let plain = DistinguishedName {
            sets: vec![vec![Attribute { kind: "CN".into(), value: " #a,b\\\u{e9} ".as_bytes().to_vec() }]],
        };
        assert_eq!(name("CN=\\ \\#a\\,b\\\\\\c3\\A9\\ "), plain);
        assert_eq!(name("CN=#0403616263"), name("CN=abc"));
        assert_ne!(name("CN=\\#0403616263"), name("CN=abc"));
    }

    #[test]
    fn other_texts_are_no_names() {
        for text in
            ["bob", "bob@nats.io", "CN=a,", "CN=a,b", "=a", "CN=a\\", "CN=a\\g", "CN=#zz", "CN=#0405ab", "+", ","]
        {
            assert_eq!(DistinguishedName::parse(text), None, "{text}");
        }
    }
}
