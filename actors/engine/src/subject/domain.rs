//! How clients spell the requests of a JetStream domain.

use std::sync::Arc;

use super::mapping::{Destination, Mapped, Mapping, Mappings};

/// What stands behind `$JS.<domain>.API.`, and where it leads to.
const OF_CLIENTS: [(&str, &str); 9] = [
    ("INFO", "$JS.API.INFO"),
    ("STREAM.>", "$JS.API.STREAM.>"),
    ("CONSUMER.>", "$JS.API.CONSUMER.>"),
    ("DIRECT.>", "$JS.API.DIRECT.>"),
    ("META.>", "$JS.API.META.>"),
    ("SERVER.>", "$JS.API.SERVER.>"),
    ("ACCOUNT.>", "$JS.API.ACCOUNT.>"),
    ("$KV.>", "$KV.>"),
    ("$OBJ.>", "$OBJ.>"),
];
/// The same for the system account.
const OF_SYSTEM: [(&str, &str); 1] = [(">", "$JS.API.>")];

/// Subjects of a domain and those they stand for. All of them begin with a dollar sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainMappings {
    prefix: String,
    mappings: Mappings,
}

/// Both spellings of the requests of a domain. Clones share them.
#[derive(Clone, Debug)]
pub struct DomainSpellings {
    /// Those of accounts that may ask JetStream.
    pub clients: Arc<DomainMappings>,
    /// Those of the system account.
    pub system: Arc<DomainMappings>,
}

impl DomainSpellings {
    /// Those of a domain.
    #[must_use]
    pub fn of(domain: &str) -> Self {
        let (clients, system) = (DomainMappings::of_clients(domain), DomainMappings::of_system(domain));
        Self { clients: Arc::new(clients), system: Arc::new(system) }
    }
}

impl DomainMappings {
    /// Those of an account that may ask JetStream.
    #[must_use]
    pub fn of_clients(domain: &str) -> Self {
        Self::new(domain, &OF_CLIENTS)
    }

    /// Those of the system account.
    #[must_use]
    pub fn of_system(domain: &str) -> Self {
        Self::new(domain, &OF_SYSTEM)
    }

    fn new(domain: &str, table: &[(&str, &str)]) -> Self {
        let prefix = format!("$JS.{domain}.API.");
        let mut mappings = Mappings::default();
        for (rest, target) in table {
            // A domain is one token of a subject, so that all of them can be made.
            if let Ok(mapping) = Mapping::new(&format!("{prefix}{rest}"), &[Destination::all(*target)]) {
                mappings.add(mapping);
            }
        }
        Self { prefix, mappings }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter()
    }

    /// What a subject stands for.
    #[must_use]
    pub fn map(&self, subject: &[u8]) -> Option<Vec<u8>> {
        if !subject.starts_with(self.prefix.as_bytes()) {
            return None;
        }
        match self.mappings.map(subject, None, 0) {
            Mapped::To(subject) => Some(subject),
            Mapped::Unchanged | Mapped::Lost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_a_domain_stand_for_others() {
        let clients = DomainMappings::of_clients("hub");
        let system = DomainMappings::of_system("hub");
        for (subject, of_clients, of_system) in [
            ("$JS.hub.API.INFO", Some("$JS.API.INFO"), Some("$JS.API.INFO")),
            ("$JS.hub.API.STREAM.INFO.S", Some("$JS.API.STREAM.INFO.S"), Some("$JS.API.STREAM.INFO.S")),
            ("$JS.hub.API.$KV.B.key", Some("$KV.B.key"), Some("$JS.API.$KV.B.key")),
            ("$JS.hub.API.NOPE", None, Some("$JS.API.NOPE")),
            ("$JS.hub.API.STREAM", None, Some("$JS.API.STREAM")),
            ("$JS.hub.API", None, None),
            ("$JS.other.API.INFO", None, None),
            ("$JS.API.INFO", None, None),
        ] {
            let map = |mappings: &DomainMappings| mappings.map(subject.as_bytes());
            assert_eq!(map(&clients), of_clients.map(|to| to.as_bytes().to_vec()), "{subject}");
            assert_eq!(map(&system), of_system.map(|to| to.as_bytes().to_vec()), "{subject}");
        }
        assert_eq!((clients.iter().count(), system.iter().count()), (9, 1));
    }
}
