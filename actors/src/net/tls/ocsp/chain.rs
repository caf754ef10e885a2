//! From a client's certificate to those that are trusted.

use super::Facts;

/// Most certificates of a chain.
const MAX_LENGTH: usize = 8;
/// Most chains that are looked at.
const MAX_CHAINS: usize = 8;
/// Most signatures that are checked to find them: what a client shows must not keep the server busy.
const MAX_CHECKS: usize = 64;

/// The chains from the first of the certificates a client showed to trusted ones, which end them.
pub(super) fn chains<'a>(shown: &'a [Facts], trusted: &'a [Facts]) -> Vec<Vec<&'a Facts>> {
    let Some((own, others)) = shown.split_first() else { return Vec::new() };
    if trusted.iter().any(|trusted| trusted.own == own.own) {
        return vec![vec![own]];
    }
    let mut search = Search { others, trusted, num_checks: 0, found: Vec::new() };
    search.extend(&mut vec![own]);
    search.found
}

struct Search<'a> {
    others: &'a [Facts],
    trusted: &'a [Facts],
    num_checks: usize,
    found: Vec<Vec<&'a Facts>>,
}

impl<'a> Search<'a> {
    fn extend(&mut self, chain: &mut Vec<&'a Facts>) {
        let Some(last) = chain.last().copied() else { return };
        let candidates = self.trusted.iter().map(|one| (one, true)).chain(self.others.iter().map(|one| (one, false)));
        for (issuer, is_trusted) in candidates {
            let is_over = self.found.len() >= MAX_CHAINS || chain.len() >= MAX_LENGTH;
            if is_over || chain.iter().any(|one| one.own == issuer.own) || !self.is_issued(last, issuer) {
                continue;
            }
            chain.push(issuer);
            match is_trusted {
                true => self.found.push(chain.clone()),
                false => self.extend(chain),
            }
            chain.pop();
        }
    }

    fn is_issued(&mut self, certificate: &Facts, issuer: &Facts) -> bool {
        if !certificate.names_issuer(issuer) || self.num_checks >= MAX_CHECKS {
            return false;
        }
        self.num_checks += 1;
        certificate.is_signed_by(issuer)
    }
}
