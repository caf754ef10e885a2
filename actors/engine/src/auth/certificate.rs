//! Names in a client certificate and how they are compared with user names.

/// Names of a verified client certificate that may be those of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// E-mail addresses of the subject alternative name.
    pub emails: Vec<String>,
    /// DNS names of the subject alternative name.
    pub dns_names: Vec<String>,
    /// URIs of the subject alternative name.
    pub uris: Vec<String>,
    /// Subject, in the order of its encoding.
    pub subject: DistinguishedName,
}

impl CertificateNames {
    /// Alternative names in the order they are tried: e-mail addresses, DNS names, URIs.
    pub fn alternative_names(&self) -> impl Iterator<Item = &str> {
        self.emails.iter().chain(&self.dns_names).chain(&self.uris).map(String::as_str)
    }
}

/// Type and value of one attribute. The type is a short name (`CN`) where there is one, else dotted decimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Type.
    pub kind: String,
    /// Value.
    pub value: String,
}

impl Attribute {
    fn is_same(&self, other: &Self) -> bool {
        self.kind.eq_ignore_ascii_case(&other.kind) && self.value == other.value
    }
}

/// Object identifiers that nats-server shows by name.
const SHORT_NAMES: [(&str, &str); 10] = [
    ("2.5.4.6", "C"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.17", "POSTALCODE"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// Order in which Go prints the attributes it knows; the order of the encoding is lost there.
const GO_ORDER: [&str; 9] = ["SERIALNUMBER", "CN", "POSTALCODE", "STREET", "ST", "L", "OU", "O", "C"];

/// A name made of relative names, each a set of attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinguishedName {
    relative: Vec<Vec<Attribute>>,
}

impl DistinguishedName {
    /// Adds the next relative name: pairs of object identifier (dotted decimal) and value.
    pub fn push(&mut self, attributes: impl IntoIterator<Item = (String, String)>) {
        let short = |oid: String| SHORT_NAMES.iter().find(|(id, _)| *id == oid).map_or(oid, |(_, n)| (*n).to_owned());
        let relative: Vec<_> =
            attributes.into_iter().map(|(oid, value)| Attribute { kind: short(oid), value }).collect();
        if !relative.is_empty() {
            self.relative.push(relative);
        }
    }

    /// Parses the text form (`CN=a,OU=b+OU=c,O=d`), which is the reverse of the encoding. `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut relative = Vec::new();
        for part in split_unescaped(text, ',') {
            let mut attributes = Vec::new();
            for pair in split_unescaped(part, '+') {
                let (kind, value) = pair.split_once('=')?;
                let kind = kind.trim();
                if kind.is_empty() {
                    return None;
                }
                attributes.push(Attribute { kind: kind.to_owned(), value: unescape(value)? });
            }
            relative.push(attributes);
        }
        relative.reverse();
        Some(Self { relative })
    }

    /// Whether every attribute has a short name. nats-server does not compare subjects with others as names.
    #[must_use]
    pub fn is_comparable(&self) -> bool {
        self.attributes().all(|attribute| SHORT_NAMES.iter().any(|(_, short)| *short == attribute.kind))
    }

    /// Whether both have the same relative names in the same order.
    #[must_use]
    pub fn is_equal(&self, other: &Self) -> bool {
        self.relative.len() == other.relative.len()
            && self.relative.iter().zip(&other.relative).all(|(a, b)| is_same_set(a, b))
    }

    /// Whether both have the same relative names, in whatever order.
    #[must_use]
    pub fn is_equal_unordered(&self, other: &Self) -> bool {
        self.relative.len() == other.relative.len()
            && self.relative.iter().all(|a| other.relative.iter().any(|b| is_same_set(a, b)))
            && other.relative.iter().all(|b| self.relative.iter().any(|a| is_same_set(a, b)))
    }

    /// The text form Go prints (`CN=a,OU=b,O=c`): attributes it knows, in its own order.
    #[must_use]
    pub fn go_text(&self) -> String {
        let mut parts = Vec::new();
        for kind in GO_ORDER {
            let values: Vec<_> =
                self.attributes().filter(|a| a.kind == kind).map(|a| format!("{kind}={}", escape(&a.value))).collect();
            match (kind, values.last()) {
                (_, None) => {}
                // Go keeps the last of these and all of the others.
                ("CN" | "SERIALNUMBER", Some(last)) => parts.push(last.clone()),
                _ => parts.push(values.join("+")),
            }
        }
        parts.join(",")
    }

    /// Domain components (`DC=a,DC=b`) in the order of the encoding, if there are any.
    #[must_use]
    pub fn domain_components(&self) -> Option<String> {
        let parts: Vec<_> = self.attributes().filter(|a| a.kind == "DC").map(|a| format!("DC={}", a.value)).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.relative.iter().flatten()
    }
}

fn is_same_set(a: &[Attribute], b: &[Attribute]) -> bool {
    a.len() == b.len()
        && a.iter().all(|x| b.iter().any(|y| x.is_same(y)))
        && b.iter().all(|y| a.iter().any(|x| x.is_same(y)))
}

fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Value of an attribute in text form: white space around it goes, `\,` and `\2c` are the character.
fn unescape(text: &str) -> Option<String> {
    let (mut bytes, mut kept) = (Vec::new(), 0);
    let mut rest = text.trim_start().as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            if first != b' ' {
                kept = bytes.len();
            }
            continue;
        }
        let (&next, tail) = rest.split_first()?;
        if b" \"#+,;<=>\\".contains(&next) {
            bytes.push(next);
            rest = tail;
        } else {
            let (high, low) = (char::from(next).to_digit(16)?, char::from(*tail.first()?).to_digit(16)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
            rest = &tail[1..];
        }
        kept = bytes.len();
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (c == '#' && at == 0)
            || (c == ' ' && (at == 0 || at == last));
        if special {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(relative: &[&[(&str, &str)]]) -> DistinguishedName {
        let mut name = DistinguishedName::default();
        for attributes in relative {
            name.push(attributes.iter().map(|(oid, value)| ((*oid).to_owned(), (*value).to_owned())));
        }
        name
    }

    #[test]
    fn prints_like_go() {
        let name = subject(&[
            &[("2.5.4.6", "US")],
            &[("0.9.2342.19200300.100.1.25", "com")],
            &[("2.5.4.10", "Synadia, Inc")],
            &[("2.5.4.11", "nats")],
            &[("2.5.4.11", "dev")],
            &[("2.5.4.3", "#joe ")],
        ]);
        assert_eq!(name.go_text(), r"CN=\#joe\ ,OU=nats+OU=dev,O=Synadia\, Inc,C=US");
        assert_eq!(name.domain_components().as_deref(), Some("DC=com"));
        assert_eq!(DistinguishedName::default().domain_components(), None);
    }

    #[test]
    fn compares_with_text() {
        let name = subject(&[
            &[("0.9.2342.19200300.100.1.25", "com")],
            &[("0.9.2342.19200300.100.1.25", "example")],
            &[("2.5.4.3", "joe"), ("2.5.4.11", "a, b")],
        ]);
        for (text, ordered, unordered) in [
            (r"CN=joe+OU=a\, b,DC=example,DC=com", true, true),
            (r"OU=a\2c b + cn=joe, dc=example ,dc=com", true, true),
            (r"DC=com,DC=example,CN=joe+OU=a\, b", false, true),
            (r"CN=Joe+OU=a\, b,DC=example,DC=com", false, false),
            ("CN=joe,DC=example,DC=com", false, false),
        ] {
            let parsed = DistinguishedName::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parsed.is_equal(&name), ordered, "{text}");
            assert_eq!(parsed.is_equal_unordered(&name), unordered, "{text}");
        }
        for text in ["joe", "joe@example.com", "CN=a,joe", r"CN=a\", r"CN=\zz", "=a", "CN=\\ff"] {
            assert_eq!(DistinguishedName::parse(text), None, "{text}");
        }
        assert!(name.is_comparable());
        assert!(!subject(&[&[("2.5.4.3", "joe")], &[("1.2.840.113549.1.9.1", "a@b.c")]]).is_comparable());
    }
}
