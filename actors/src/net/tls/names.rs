//! Names a client certificate offers for `verify_and_map`.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

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
        format!("Using {what} for auth [{user:?}]")
    }

    /// Debug line when the name is no user's; most have none.
    #[must_use]
    pub fn unused_text(&self) -> Option<String> {
        match self {
            Self::Email(_) | Self::Dns(_) | Self::Uri(_) => None,
            Self::Subject { shown, .. } => {
                Some(format!("DistinguishedNameMatch could not be used for auth [{shown:?}]"))
            }
            Self::SubjectWithDomain(text) => Some(format!("RDNSequence could not be used for auth [{text:?}]")),
            Self::SubjectText(text) => Some(format!("User in cert [{text:?}], not found")),
        }
    }
}

/// All names, in the order nats-server tries them.
pub(super) fn candidates(certificate: &X509Certificate<'_>) -> Vec<NameCandidate> {
    let mut names = alternative_names(certificate);
    let subject = certificate.subject();
    let text = field_text(subject);
    if let Some(name) = DistinguishedName::from_subject(subject) {
        names.push(NameCandidate::Subject { name, shown: text.clone() });
    }
    let domain = subject.iter_attributes().filter(|attribute| oid(attribute) == DOMAIN_COMPONENT);
    let domain: Vec<String> = domain.map(|attribute| format!("DC={}", value(attribute))).collect();
    if !domain.is_empty() {
        names.push(NameCandidate::SubjectWithDomain(format!("{text},{}", domain.join(","))));
    }
    names.push(NameCandidate::SubjectText(text));
    names
}

/// The subject as Go's `pkix.Name.String` shows it, as in connz: the known fields, then all others as `OID=value`.
pub(super) fn full_text(subject: &X509Name<'_>) -> String {
    let known = field_text(subject);
    let attributes: Vec<_> = subject.iter_attributes().collect();
    let others = attributes.iter().rev().filter(|a| !FIELDS.iter().any(|(known, ..)| *known == oid(a)));
    let others = others.map(|attribute| format!("{}={}", oid(attribute), escape(&value(attribute))));
    let parts: Vec<String> = Some(known).filter(|text| !text.is_empty()).into_iter().chain(others).collect();
    parts.join(",")
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<NameCandidate> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let (mut emails, mut hosts, mut uris) = (Vec::new(), Vec::new(), Vec::new());
    for name in &extension.value.general_names {
        match name {
            GeneralName::RFC822Name(text) => emails.push(NameCandidate::Email((*text).to_owned())),
            GeneralName::DNSName(text) => hosts.push(NameCandidate::Dns((*text).to_owned())),
            GeneralName::URI(text) => uris.push(NameCandidate::Uri((*text).to_owned())),
            _ => {}
        }
    }
    emails.into_iter().chain(hosts).chain(uris).collect()
}

/// The known fields as `CN=…,OU=…+OU=…`.
fn field_text(subject: &X509Name<'_>) -> String {
    let shown = FIELDS.iter().filter_map(|(id, kind, all)| {
        let found = subject.iter_attributes().filter(|attribute| oid(attribute) == *id);
        let mut values: Vec<String> = found.map(|a| format!("{kind}={}", escape(&value(a)))).collect();
        if !all {
            values.drain(..values.len().saturating_sub(1));
        }
        (!values.is_empty()).then(|| values.join("+"))
    });
    shown.collect::<Vec<_>>().join(",")
}

fn oid(attribute: &AttributeTypeAndValue<'_>) -> String {
    attribute.attr_type().to_id_string()
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    String::from_utf8_lossy(attribute.attr_value().data).into_owned()
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
