//! What a store should do, written so that nobody can doubt it.

use std::collections::BTreeMap;

use crate::{Discard, NewMessage, StoreConfig, SubjectFilter, Ttl};

#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) time_ns: i64,
    pub(super) subject: String,
    pub(super) payload: Vec<u8>,
    pub(super) expires_ns: Option<i64>,
    pub(super) size: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) config: StoreConfig,
    pub(super) messages: BTreeMap<u64, Kept>,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    size_of: fn(usize, usize, usize) -> u64,
}

impl Model {
    pub(super) fn new(config: StoreConfig, size_of: fn(usize, usize, usize) -> u64) -> Self {
        let first_seq = config.first_seq.max(1);
        Self { config, messages: BTreeMap::new(), first_seq, last_seq: first_seq - 1, size_of }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.messages.values().map(|kept| kept.size).sum()
    }

    pub(super) fn of_subject(&self, subject: &str) -> Vec<u64> {
        self.messages.iter().filter(|(_, kept)| kept.subject == subject).map(|(seq, _)| *seq).collect()
    }

    pub(super) fn matching(&self, filter: &SubjectFilter) -> Vec<u64> {
        self.messages.iter().filter(|(_, kept)| filter.matches(kept.subject.as_bytes())).map(|(seq, _)| *seq).collect()
    }

    pub(super) fn append_with_headers(&mut self, message: &NewMessage<'_>) -> bool {
        let subject = String::from_utf8_lossy(message.subject).into_owned();
        let size = (self.size_of)(message.subject.len(), message.headers.len(), message.payload.len());
        let of_subject = self.of_subject(&subject);
        let is_full_subject = self.config.max_msgs_per_subject.is_some_and(|most| of_subject.len() as u64 >= most);
        if self.config.discard == Discard::New {
            if is_full_subject && self.config.discard_new_per_subject {
                return false;
            }
            let has_most = self.config.max_msgs.is_some_and(|most| self.messages.len() as u64 >= most);
            if has_most && !is_full_subject {
                return false;
            }
            if self.config.max_bytes.is_some_and(|most| self.bytes() + size > most) {
                let oldest = of_subject.first().filter(|_| is_full_subject).map(|seq| self.messages[seq].size);
                if oldest.is_none_or(|oldest| oldest < size) {
                    return false;
                }
            }
        }
        self.last_seq += 1;
        let expires_ns = match message.ttl {
            Ttl::Seconds(seconds) if self.config.allow_msg_ttl => {
                Some(message.time_ns + seconds as i64 * 1_000_000_000)
            }
            _ => None,
        };
        let payload = message.payload.to_vec();
        self.messages.insert(self.last_seq, Kept { time_ns: message.time_ns, subject, payload, expires_ns, size });
        self.enforce();
        true
    }

    pub(super) fn enforce(&mut self) {
        if let Some(most) = self.config.max_msgs_per_subject {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            let mut gone = Vec::new();
            for (seq, kept) in self.messages.iter().rev() {
                let count = counts.entry(kept.subject.clone()).or_default();
                *count += 1;
                if *count > most {
                    gone.push(*seq);
                }
            }
            self.remove_all(&gone);
        }
        while self.config.discard == Discard::Old
            && !self.messages.is_empty()
            && (self.config.max_msgs.is_some_and(|most| self.messages.len() as u64 > most)
                || self.config.max_bytes.is_some_and(|most| self.bytes() > most))
        {
            self.messages.pop_first();
        }
        self.settle();
    }

    pub(super) fn remove_all(&mut self, gone: &[u64]) {
        for seq in gone {
            self.messages.remove(seq);
        }
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        self.first_seq = self.messages.keys().next().copied().unwrap_or(self.last_seq + 1);
    }

    pub(super) fn purge(&mut self, filter: &SubjectFilter, before_seq: u64, keep: u64) {
        if before_seq == 1 {
            return;
        }
        if filter.is_all() && keep == 0 {
            let end = if before_seq == 0 { self.last_seq + 1 } else { before_seq };
            return self.compact(end);
        }
        let matching = self.matching(filter);
        let most = if keep == 0 { matching.len() } else { matching.len().saturating_sub(keep as usize) };
        let is_before = |seq: &u64| before_seq == 0 || *seq < before_seq;
        let gone: Vec<u64> = matching.into_iter().filter(is_before).take(most).collect();
        self.remove_all(&gone);
    }

    pub(super) fn compact(&mut self, seq: u64) {
        self.messages.retain(|known, _| *known >= seq);
        self.last_seq = self.last_seq.max(seq - 1);
        self.settle();
    }

    pub(super) fn truncate(&mut self, seq: u64) {
        if seq >= self.last_seq {
            return;
        }
        self.messages.retain(|known, _| *known <= seq);
        self.last_seq = seq;
        self.settle();
    }

    pub(super) fn expire(&mut self, now_ns: i64) {
        let max_age_ns = self.config.max_age_ns;
        let is_old = |kept: &Kept| {
            (max_age_ns > 0 && kept.time_ns + max_age_ns <= now_ns)
                || kept.expires_ns.is_some_and(|expires_ns| expires_ns <= now_ns)
        };
        let gone: Vec<u64> = self.messages.iter().filter(|(_, kept)| is_old(kept)).map(|(seq, _)| *seq).collect();
        self.remove_all(&gone);
    }
}
