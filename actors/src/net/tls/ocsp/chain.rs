//! From a client's certificate to those that are trusted.

use super::Facts;

/// Most certificates of a chain.
const MAX_LENGTH: usize = 8;
/// Most chains that are looked at.
const MAX_CHAINS: usize = 8;
/// Most signatures that are checked to find them: what a client shows must not keep the server busy.
const MAX_CHECKS: usize = 64;

/// The chains from the first of the certificates a client showed to trusted ones, which end them; all but the first may issue
/// certificates at `now`, in seconds since 1970.
pub(super) fn chains<'a>(shown: &'a [Facts], trusted: &'a [Facts], now: u64) -> Vec<Vec<&'a Facts>> {
    let Some((own, others)) = shown.split_first() else { return Vec::new() };
    if trusted.iter().any(|trusted| trusted.own == own.own) {
        return vec![vec![own]];
    }
    let mut search = Search { others, trusted, now, num_checks: 0, found: Vec::new() };
    search.extend(&mut vec![own]);
    search.found
}

struct Search<'a> {
    others: &'a [Facts],
    trusted: &'a [Facts],
    now: u64,
    num_checks: usize,
    found: Vec<Vec<&'a Facts>>,
}

impl<'a> Search<'a> {
    fn extend(&mut self, chain: &mut Vec<&'a Facts>) {
        let Some(last) = chain.last().copied() else { return };
        let candidates = self.trusted.iter().map(|one| (one, true)).chain(self.others.iter().map(|one| (one, false)));
        for (issuer, is_trusted) in candidates {
            let is_over = self.found.len() >= MAX_CHAINS || chain.len() >= MAX_LENGTH;
            let is_in_it = chain.iter().any(|one| one.own == issuer.own);
            if is_over || is_in_it || !issuer.may_issue(self.now, chain.len() - 1) || !self.is_issued(last, issuer) {
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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
    use rustls_pki_types::CertificateDer;

    use super::*;

    const NOW: u64 = 1_790_000_000;
    type Change = fn(&mut CertificateParams);

    fn authority(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    }

    fn facts(der: &CertificateDer<'_>) -> Facts {
        Facts::of(der).expect("a certificate")
    }

    /// Number of chains from a client over two authorities, the upper one changed, to a root that is trusted.
    fn num_chains(change: Change) -> usize {
        let key = || KeyPair::generate().expect("a key");
        let root = CertifiedIssuer::self_signed(authority("root"), key()).expect("signs");
        let mut params = authority("upper");
        change(&mut params);
        let upper = CertifiedIssuer::signed_by(params, key(), &root).expect("signs");
        let lower = CertifiedIssuer::signed_by(authority("lower"), key(), &upper).expect("signs");
        let client = CertificateParams::default().signed_by(&key(), &lower).expect("signs");
        let shown = [facts(client.der()), facts(lower.der()), facts(upper.der())];
        chains(&shown, &[facts(root.der())], NOW).len()
    }

    #[test]
    fn who_may_not_issue_is_in_no_chain() {
        let changes: [(Change, usize); 8] = [
            (|_| {}, 1),
            (|params| params.key_usages.clear(), 1),
            (|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)), 1),
            (|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)), 0),
            (|params| params.is_ca = IsCa::ExplicitNoCa, 0),
            (|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature], 0),
            (|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1), 0),
            (|params| params.not_before = rcgen::date_time_ymd(2040, 1, 1), 0),
        ];
        for (number, (change, wanted)) in changes.into_iter().enumerate() {
            assert_eq!(num_chains(change), wanted, "change {number}");
        }
    }
}
