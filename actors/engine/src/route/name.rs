//! Whose cluster name counts.

/// Name of a cluster, and whether it was made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName {
    /// The name.
    pub name: String,
    /// It was made up, so it gives way.
    pub is_dynamic: bool,
}

/// What another server's cluster name means for a connection to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameVerdict {
    /// The names are the same.
    Same,
    /// The other name is taken over; routes to servers that are not told yet have to close.
    Adopt(ClusterName),
    /// The connection has to close.
    Conflict,
}

impl ClusterName {
    /// Compares with another server's name.
    #[must_use]
    pub fn meet(&self, other: &Self) -> NameVerdict {
        if self.name == other.name {
            return NameVerdict::Same;
        }
        if self.is_dynamic && (!other.is_dynamic || self.name < other.name) {
            return NameVerdict::Adopt(other.clone());
        }
        NameVerdict::Conflict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_made_up_gives_way() {
        let name = |name: &str, is_dynamic| ClusterName { name: name.to_owned(), is_dynamic };
        let verdict = |own: (&str, bool), other: (&str, bool)| name(own.0, own.1).meet(&name(other.0, other.1));
        assert_eq!(verdict(("a", false), ("a", true)), NameVerdict::Same);
        assert_eq!(verdict(("a", false), ("b", false)), NameVerdict::Conflict);
        assert_eq!(verdict(("a", false), ("b", true)), NameVerdict::Conflict);
        assert_eq!(verdict(("b", true), ("a", false)), NameVerdict::Adopt(name("a", false)));
        assert_eq!(verdict(("a", true), ("b", true)), NameVerdict::Adopt(name("b", true)));
        assert_eq!(verdict(("b", true), ("a", true)), NameVerdict::Conflict);
    }
}
