//! Imports that lead back to the account they start from.

use std::collections::BTreeSet;

use troupe_codecs::subject::{is_subset, overlaps};

use super::{Graph, LinkError};

/// Accounts a search may go through.
const MAX_DEPTH: usize = 1024;

/// Which imports are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Stream,
    Service,
}

/// Refuses an import into `importer` of `subject` of `exporter` where the exporter's own imports lead back.
pub(super) fn check(graph: &Graph, kind: Kind, importer: &str, exporter: &str, subject: &str) -> Result<(), LinkError> {
    let mut visited = BTreeSet::from([importer.to_owned()]);
    // One entry per account and subject that is still to be looked at, so that deep chains need no stack.
    let mut open = vec![(exporter.to_owned(), subject.to_owned())];
    let mut seen = BTreeSet::new();
    while let Some((account, subject)) = open.pop() {
        if visited.len() >= MAX_DEPTH {
            return Err(LinkError::CycleDepth);
        }
        if !seen.insert((account.clone(), subject.clone())) {
            continue;
        }
        let Some(links) = graph.get(&account) else { continue };
        let steps: Vec<(&str, &str, &str)> = match kind {
            Kind::Service => {
                links.service_imports().map(|import| (&*import.exporter, &*import.to, &*import.from)).collect()
            }
            Kind::Stream if links.exports_stream(&subject) => {
                links.stream_imports().map(|import| (&*import.exporter, &*import.to, &*import.to)).collect()
            }
            Kind::Stream => Vec::new(),
        };
        for (next, meets, narrows) in steps {
            if subject != meets && !overlaps(subject.as_bytes(), meets.as_bytes()) {
                continue;
            }
            if visited.contains(next) {
                return Err(LinkError::Cycle);
            }
            visited.insert(account.clone());
            let is_narrower = is_subset(narrows.as_bytes(), subject.as_bytes());
            open.push((next.to_owned(), if is_narrower { narrows.to_owned() } else { subject.clone() }));
        }
    }
    Ok(())
}
