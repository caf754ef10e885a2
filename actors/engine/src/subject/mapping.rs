//! Weighted mappings: where the messages an account's clients publish go instead.

use thiserror::Error;
use troupe_codecs::subject::{is_literal, is_subset, is_valid_subscription};

use super::transform::{Transform, TransformError, tokenize};

/// The whole, in percent.
const ALL: u8 = 100;

/// One destination as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Subject with functions.
    pub subject: String,
    /// Percent of the messages.
    pub weight: u8,
    /// Cluster it is for; `None` is every cluster that has none of its own.
    pub cluster: Option<String>,
}

impl Destination {
    /// A destination of all messages.
    #[must_use]
    pub fn all(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), weight: ALL, cluster: None }
    }
}

/// Why a mapping is refused. The texts are nats-server's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// The source is no subject.
    #[error("invalid subject")]
    BadSource,
    /// One destination twice.
    #[error("duplicate entry for {0:?}")]
    Duplicate(String),
    /// A weight over 100.
    #[error("individual weights need to be <= 100")]
    Weight,
    /// Weights of one cluster over 100 together.
    #[error("total weight needs to be <= 100")]
    TotalWeight,
    /// A destination cannot be used.
    #[error(transparent)]
    Transform(#[from] TransformError),
}

/// A rule and the sum of the weights up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Weighed {
    up_to: u8,
    transform: Transform,
}

/// One source with its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    source: String,
    everywhere: Vec<Weighed>,
    by_cluster: Vec<(String, Vec<Weighed>)>,
    destinations: Vec<Destination>,
}

impl Mapping {
    /// Checks a mapping. What the weights leave over stays on the source subject, unless the source is one of the
    /// destinations itself: then it is lost.
    ///
    /// # Errors
    /// The first fault.
    pub fn new(source: &str, destinations: &[Destination]) -> Result<Self, MappingError> {
        if !is_valid_subscription(source.as_bytes()) {
            return Err(MappingError::BadSource);
        }
        let mut mapping = Self {
            source: source.to_owned(),
            everywhere: Vec::new(),
            by_cluster: Vec::new(),
            destinations: destinations.to_vec(),
        };
        for (number, destination) in destinations.iter().enumerate() {
            if destinations[..number].iter().any(|other| other.subject == destination.subject) {
                return Err(MappingError::Duplicate(destination.subject.clone()));
            }
            if destination.weight > ALL {
                return Err(MappingError::Weight);
            }
            let same = destinations[..=number].iter().filter(|other| other.cluster == destination.cluster);
            if same.map(|other| u64::from(other.weight)).sum::<u64>() > u64::from(ALL) {
                return Err(MappingError::TotalWeight);
            }
            Transform::validate_mapping(source, &destination.subject)?;
            let transform = Transform::new(source, &destination.subject)?;
            mapping.list(destination.cluster.as_deref()).push(Weighed { up_to: destination.weight, transform });
        }
        let is_lossy = destinations.iter().any(|destination| destination.subject == source);
        weigh(source, is_lossy, &mut mapping.everywhere)?;
        for (_, list) in &mut mapping.by_cluster {
            weigh(source, is_lossy, list)?;
        }
        Ok(mapping)
    }

    /// Source pattern.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Destinations as configured.
    #[must_use]
    pub fn destinations(&self) -> &[Destination] {
        &self.destinations
    }

    fn list(&mut self, cluster: Option<&str>) -> &mut Vec<Weighed> {
        let Some(cluster) = cluster else { return &mut self.everywhere };
        let found = self.by_cluster.iter().position(|(name, _)| name == cluster);
        let number = found.unwrap_or_else(|| {
            self.by_cluster.push((cluster.to_owned(), Vec::new()));
            self.by_cluster.len() - 1
        });
        &mut self.by_cluster[number].1
    }

    fn applies_to(&self, subject: &[u8]) -> bool {
        let source = self.source.as_bytes();
        source == subject || !is_literal(source) && is_subset(subject, source)
    }

    fn choose(&self, cluster: Option<&str>, chance: u8) -> Option<&Transform> {
        let own = self.by_cluster.iter().find(|(name, _)| Some(name.as_str()) == cluster);
        let list = own.map_or(&self.everywhere, |(_, list)| list);
        list.iter().find(|weighed| chance < weighed.up_to).map(|weighed| &weighed.transform)
    }
}

/// Adds the source with the weight that is left, sorts, and sums the weights up.
fn weigh(source: &str, is_lossy: bool, list: &mut Vec<Weighed>) -> Result<(), TransformError> {
    let total: u8 = list.iter().map(|weighed| weighed.up_to).sum();
    if total != ALL && !is_lossy {
        let transform = Transform::new(source, &tokenize(source))?;
        list.push(Weighed { up_to: ALL - total, transform });
    }
    list.sort_by_key(|weighed| weighed.up_to);
    let mut sum = 0;
    for weighed in list {
        sum += weighed.up_to;
        weighed.up_to = sum;
    }
    Ok(())
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// No mapping applies.
    Unchanged,
    /// To this subject.
    To(Vec<u8>),
    /// Nowhere.
    Lost,
}

/// The mappings of an account, in configured order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mappings {
    list: Vec<Mapping>,
}

impl Mappings {
    /// Adds a mapping, in place of one with the same source.
    pub fn add(&mut self, mapping: Mapping) {
        match self.list.iter_mut().find(|other| other.source == mapping.source) {
            Some(other) => *other = mapping,
            None => self.list.push(mapping),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Mapping> {
        self.list.iter()
    }

    /// Whether a mapping applies to `subject`.
    #[must_use]
    pub fn apply_to(&self, subject: &[u8]) -> bool {
        self.list.iter().any(|mapping| mapping.applies_to(subject))
    }

    /// Where a message on `subject`, published in `cluster`, goes. `chance` is a number below 100 chosen by lot.
    #[must_use]
    pub fn map(&self, subject: &[u8], cluster: Option<&str>, chance: u8) -> Mapped {
        let Some(mapping) = self.list.iter().find(|mapping| mapping.applies_to(subject)) else {
            return Mapped::Unchanged;
        };
        match mapping.choose(cluster, chance) {
            Some(transform) => Mapped::To(transform.apply(subject)),
            None => Mapped::Lost,
        }
    }
}
