//! Names a client certificate offers for `verify_and_map`.

use troupe_codecs::quote::quote;

use super::DistinguishedName;

const DOMAIN_COMPONENT: &str = "0.9.2342.19200300.100.1.25";
/// Attributes Go's `pkix.Name` has fields for, in the order its text shows them. Of those marked `false` only the
/// last value counts.
const FIELDS: [(&str, &str, bool); 9] = [
    ("2.5.4.5", "SERIALNUMBER", false),
    ("2.5.4.3", "CN", false),
    ("2.5.4.11", "OU", true),
    ("2.5.4.10", "O", true),
    ("2.5.4.17", "POSTALCODE", true),
    ("2.5.4.9", "STREET", true),
    ("2.5.4.7", "L", true),
    ("2.5.4.8", "ST", true),
    ("2.5.4.6", "C", true),
];

/// A set of attributes of a subject: object identifiers (dotted decimal) and values.
pub type RelativeName = Vec<(String, Vec<u8>)>;

/// Names in a verified client certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// E-mail addresses of the subject alternative name.
    pub emails: Vec<String>,
    /// DNS names of the subject alternative name.
    pub dns_names: Vec<String>,
    /// URIs of the subject alternative name.
    pub uris: Vec<String>,
    /// Subject, in the order of its encoding.
    pub subject: Vec<RelativeName>,
}

impl CertificateNames {
    /// All names, in the order nats-server tries them.
    #[must_use]
    pub fn candidates(&self) -> Vec<NameCandidate> {
        let emails = self.emails.iter().cloned().map(NameCandidate::Email);
        let hosts = self.dns_names.iter().cloned().map(NameCandidate::Dns);
        let uris = self.uris.iter().cloned().map(NameCandidate::Uri);
        let mut names: Vec<_> = emails.chain(hosts).chain(uris).collect();
        let text = self.field_text();
        if let Some(name) = DistinguishedName::from_subject(&self.subject) {
            names.push(NameCandidate::Subject { name, shown: text.clone() });
        }
        let domain = self.attributes().filter(|(oid, _)| oid == DOMAIN_COMPONENT);
        let domain: Vec<String> = domain.map(|(_, value)| format!("DC={}", text_of(value))).collect();
        if !domain.is_empty() {
            names.push(NameCandidate::SubjectWithDomain(format!("{text},{}", domain.join(","))));
        }
        names.push(NameCandidate::SubjectText(text));
        names
    }

    /// The subject as Go's `pkix.Name.String` shows it, as in connz: the known fields, then all others as `OID=value`.
    #[must_use]
    pub fn subject_text(&self) -> String {
        let known = self.field_text();
        let attributes: Vec<_> = self.attributes().collect();
        let others = attributes.iter().rev().filter(|(oid, _)| !FIELDS.iter().any(|(known, ..)| known == oid));
        let others = others.map(|(oid, value)| format!("{oid}={}", escape(&text_of(value))));
        let parts: Vec<String> = Some(known).filter(|text| !text.is_empty()).into_iter().chain(others).collect();
        parts.join(",")
    }

    /// The known fields as `CN=…,OU=…+OU=…`.
    fn field_text(&self) -> String {
        let shown = FIELDS.iter().filter_map(|(id, kind, all)| {
            let found = self.attributes().filter(|(oid, _)| oid == id);
            let mut values: Vec<String> = found.map(|(_, v)| format!("{kind}={}", escape(&text_of(v)))).collect();
            if !all {
                values.drain(..values.len().saturating_sub(1));
            }
            (!values.is_empty()).then(|| values.join("+"))
        });
        shown.collect::<Vec<_>>().join(",")
    }

    fn attributes(&self) -> impl Iterator<Item = &(String, Vec<u8>)> {
        self.subject.iter().flatten()
    }
}

fn text_of(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// One name to look a user up by. They are tried in order and the first that is a user's decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameCandidate {
    /// E-mail address.
    Email(String),
    /// Host name.
    Dns(String),
    /// URI.
    Uri(String),
    /// The subject, to be compared with each user name that is a distinguished name: first all with
    /// [`DistinguishedName::matches`], then all with [`DistinguishedName::matches_in_any_order`].
    Subject {
        /// The name.
        name: DistinguishedName,
        /// It as text, for the log.
        shown: String,
    },
    /// Text of the subject with its domain components behind it.
    SubjectWithDomain(String),
    /// Text of the subject.
    SubjectText(String),
}

impl NameCandidate {
    /// User name to look up; `None` for [`Self::Subject`].
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Email(text)
            | Self::Dns(text)
            | Self::Uri(text)
            | Self::SubjectWithDomain(text)
            | Self::SubjectText(text) => Some(text),
            Self::Subject { .. } => None,
        }
    }

    /// Debug line when the name is that of `user`.
    #[must_use]
    pub fn used_text(&self, user: &str) -> String {
        let what = match self {
            Self::Email(_) => "email found in cert",
            Self::Dns(_) => "SAN found in cert",
            Self::Uri(_) => "URI found in cert",
            Self::Subject { .. } => "DistinguishedNameMatch",
            Self::SubjectWithDomain(_) => "RDNSequence",
            Self::SubjectText(_) => "certificate subject",
        };
        format!("Using {what} for auth [{}]", quote(user.as_bytes()))
    }

    /// Debug line when the name is no user's; most have none.
    #[must_use]
    pub fn unused_text(&self) -> Option<String> {
        match self {
            Self::Email(_) | Self::Dns(_) | Self::Uri(_) => None,
            Self::Subject { shown, .. } => {
                Some(format!("DistinguishedNameMatch could not be used for auth [{}]", quote(shown.as_bytes())))
            }
            Self::SubjectWithDomain(text) => {
                Some(format!("RDNSequence could not be used for auth [{}]", quote(text.as_bytes())))
            }
            Self::SubjectText(text) => Some(format!("User in cert [{}], not found", quote(text.as_bytes()))),
        }
    }
}

/// Escapes as Go's `pkix.RDNSequence.String`.
fn escape(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (position, c) in text.chars().enumerate() {
        let special = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => position == 0 || position == last,
            '#' => position == 0,
            _ => false,
        };
        if special {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
