//! A run of neighbouring subjects.

use super::SubjectInfo;

/// Sorted subjects that share a prefix. What follows the prefix is stored back to back.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    prefix: Box<[u8]>,
    /// Where each suffix ends in `suffixes`.
    ends: Vec<u32>,
    suffixes: Vec<u8>,
    infos: Vec<SubjectInfo>,
}

impl Leaf {
    const MOST_SUBJECTS: usize = 128;
    const MOST_BYTES: usize = 32 * 1024;

    pub(super) fn len(&self) -> usize {
        self.infos.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= 2 && (self.len() > Self::MOST_SUBJECTS || self.suffixes.len() > Self::MOST_BYTES)
    }

    pub(super) fn info(&self, at: usize) -> &SubjectInfo {
        &self.infos[at]
    }

    pub(super) fn info_mut(&mut self, at: usize) -> &mut SubjectInfo {
        &mut self.infos[at]
    }

    /// Writes the subject at `at` into `subject`.
    pub(super) fn read_subject(&self, at: usize, subject: &mut Vec<u8>) {
        subject.clear();
        subject.extend_from_slice(&self.prefix);
        subject.extend_from_slice(self.suffix(at));
    }

    /// Finds a subject, or where it would be.
    pub(super) fn find(&self, subject: &[u8]) -> Result<usize, usize> {
        let shared = subject.len().min(self.prefix.len());
        match subject[..shared].cmp(&self.prefix[..shared]) {
            std::cmp::Ordering::Less => return Err(0),
            std::cmp::Ordering::Greater => return Err(self.len()),
            std::cmp::Ordering::Equal if subject.len() < self.prefix.len() => return Err(0),
            std::cmp::Ordering::Equal => {}
        }
        let wanted = &subject[shared..];
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.suffix(middle).cmp(wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// Inserts a subject where [`find`](Self::find) said it belongs.
    pub(super) fn insert(&mut self, at: usize, subject: &[u8], info: SubjectInfo) {
        if self.len() == 0 {
            self.prefix = subject.into();
        }
        let shared = common(subject, &self.prefix);
        if shared < self.prefix.len() {
            self.shorten_prefix(shared);
        }
        let suffix = &subject[shared..];
        let start = self.start(at);
        self.suffixes.splice(start..start, suffix.iter().copied());
        let length = suffix.len() as u32;
        for end in &mut self.ends[at..] {
            *end += length;
        }
        self.ends.insert(at, start as u32 + length);
        self.infos.insert(at, info);
    }

    pub(super) fn remove(&mut self, at: usize) -> SubjectInfo {
        let (start, end) = (self.start(at), self.ends[at] as usize);
        self.suffixes.drain(start..end);
        self.ends.remove(at);
        for later in &mut self.ends[at..] {
            *later -= (end - start) as u32;
        }
        self.infos.remove(at)
    }

    /// Moves the subjects from `at` on to a new leaf; both learn what their subjects share.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::default();
        let mut left = Self::default();
        let mut subject = Vec::new();
        for index in 0..self.len() {
            self.read_subject(index, &mut subject);
            let half = if index < at { &mut left } else { &mut right };
            half.insert(half.len(), &subject, self.infos[index]);
        }
        left.lengthen_prefix();
        right.lengthen_prefix();
        *self = left;
        right
    }

    /// Takes all subjects of the leaf that follows.
    pub(super) fn append(&mut self, following: &Self) {
        let mut subject = Vec::new();
        for index in 0..following.len() {
            following.read_subject(index, &mut subject);
            self.insert(self.len(), &subject, following.infos[index]);
        }
    }

    fn suffix(&self, at: usize) -> &[u8] {
        &self.suffixes[self.start(at)..self.ends[at] as usize]
    }

    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends[at - 1] as usize }
    }

    /// Cuts the prefix to `length` and gives the rest back to the suffixes.
    fn shorten_prefix(&mut self, length: usize) {
        let tail = self.prefix[length..].to_vec();
        self.rebuild(length, |suffix, out| {
            out.extend_from_slice(&tail);
            out.extend_from_slice(suffix);
        });
    }

    /// Moves what all suffixes share into the prefix, and gives spare room back.
    fn lengthen_prefix(&mut self) {
        let shared = if self.len() == 0 { 0 } else { common(self.suffix(0), self.suffix(self.len() - 1)) };
        let mut prefix = self.prefix.to_vec();
        prefix.extend_from_slice(&self.suffixes[..shared]);
        self.prefix = prefix.into();
        self.rebuild(self.prefix.len(), |suffix, out| out.extend_from_slice(&suffix[shared..]));
        self.infos.shrink_to_fit();
    }

    fn rebuild(&mut self, prefix: usize, write: impl Fn(&[u8], &mut Vec<u8>)) {
        let mut suffixes = Vec::with_capacity(self.suffixes.len());
        let mut ends = Vec::with_capacity(self.ends.len());
        for at in 0..self.len() {
            write(self.suffix(at), &mut suffixes);
            ends.push(suffixes.len() as u32);
        }
        suffixes.shrink_to_fit();
        self.prefix = self.prefix[..prefix].into();
        (self.suffixes, self.ends) = (suffixes, ends);
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
