//! Where a walk in byte order continues after a subject that a pattern does not match.

use troupe_codecs::subject::SEPARATOR;

/// Smallest byte behind the separator: with it ends the run of subjects that share a token.
const BEHIND_SEPARATOR: u8 = SEPARATOR + 1;

/// What to look at next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seek {
    /// The next subject.
    Next,
    /// The first subject at or after this.
    To(Vec<u8>),
    /// Nothing: no later subject matches.
    End,
}

/// Returns what every match of `pattern` starts with.
pub(super) fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let mut start = 0;
    for token in pattern.split(|byte| *byte == SEPARATOR) {
        if matches!(token, b"*" | b">") {
            return &pattern[..start];
        }
        start += token.len() + 1;
    }
    pattern
}

/// Says where to continue after `subject`, which `pattern` does not match.
pub(super) fn after_mismatch(pattern: &[u8], subject: &[u8]) -> Seek {
    let mut subject_tokens = subject.split(|byte| *byte == SEPARATOR);
    let mut start = 0;
    let mut wildcard_end = None;
    for wanted in pattern.split(|byte| *byte == SEPARATOR) {
        let Some(token) = subject_tokens.next() else { return Seek::Next };
        let end = start + token.len();
        match wanted {
            b">" => return Seek::Next,
            b"*" => wildcard_end = Some(end),
            _ if wanted == token => {}
            _ => return toward(wanted, subject, start, wildcard_end),
        }
        start = end + 1;
    }
    // The pattern is at its end, the subject is not: skip all that go on from here.
    to_behind(subject, start.saturating_sub(1))
}

/// The token at `start` differs from the one `wanted`.
fn toward(wanted: &[u8], subject: &[u8], start: usize, wildcard_end: Option<usize>) -> Seek {
    let mut candidate = subject[..start].to_vec();
    candidate.extend_from_slice(wanted);
    if candidate.as_slice() > subject {
        return Seek::To(candidate);
    }
    candidate.push(SEPARATOR);
    if candidate.as_slice() > subject {
        return Seek::To(candidate);
    }
    match wildcard_end {
        Some(end) => to_behind(subject, end),
        None => Seek::End,
    }
}

fn to_behind(subject: &[u8], end: usize) -> Seek {
    let mut behind = subject[..end].to_vec();
    behind.push(BEHIND_SEPARATOR);
    Seek::To(behind)
}
