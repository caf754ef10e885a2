//! Where a new consumer begins.

use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::DeliverPolicy;

use super::state::{Consumer, Listed};

/// What a stream can tell somebody who is about to begin.
pub trait StreamFacts {
    /// Why it could not.
    type Error;

    /// Its first sequence, zero when it never had a message, and its last.
    fn bounds(&self) -> (u64, u64);

    /// Whether it keeps one message of each subject.
    fn is_last_per_subject(&self) -> bool;

    /// The first sequence stored at or after a time; the one after the last when there is none.
    ///
    /// # Errors
    ///
    /// It could not be read.
    fn seq_from_time(&mut self, time: i64) -> Result<u64, Self::Error>;

    /// The first and the last sequence of messages of a filter, zero when there are none.
    ///
    /// # Errors
    ///
    /// It could not be read.
    fn bounds_of(&mut self, filter: &str) -> Result<(u64, u64), Self::Error>;

    /// The last sequences of the subjects of these filters, ascending.
    ///
    /// # Errors
    ///
    /// It could not be read.
    fn last_seqs(&mut self, filters: &[&str]) -> Result<Vec<u64>, Self::Error>;
}

/// Where a consumer begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// With this sequence.
    pub seq: u64,
    /// With these first, when it wants the last of each subject.
    pub listed: Option<Listed>,
}

impl Start {
    /// Chooses by the configuration.
    ///
    /// # Errors
    ///
    /// The stream could not be read.
    pub fn choose<F: StreamFacts>(config: &ConsumerConfig, stream: &mut F) -> Result<Self, F::Error> {
        let (first, last) = stream.bounds();
        let filters = super::change::filters_of(config);
        let mut listed = None;
        let wanted = match config.deliver_policy {
            _ if config.opt_start_seq > 0 => config.opt_start_seq,
            DeliverPolicy::All => first,
            DeliverPolicy::Last => last_of(&filters, last, stream)?,
            DeliverPolicy::LastPerSubject if stream.is_last_per_subject() => first,
            DeliverPolicy::LastPerSubject => {
                let mut seqs = stream.last_seqs(&filters)?;
                let from = seqs.first().copied().unwrap_or(last);
                seqs.reverse();
                listed = (!seqs.is_empty()).then_some(Listed { left: seqs, resume: last });
                from
            }
            DeliverPolicy::ByStartTime => match config.opt_start_time {
                Some(time) => from_time(time.nanos(), &filters, (first, last), stream)?,
                None => last + 1,
            },
            DeliverPolicy::New | DeliverPolicy::ByStartSequence => last + 1,
        };
        let is_exact = config.opt_start_seq > 0;
        let seq = match () {
            () if first == 0 && !is_exact => 1,
            () if wanted > last && !is_exact => last + 1,
            () => wanted.max(first),
        };
        Ok(Self { seq: seq.max(1), listed })
    }
}

fn last_of<F: StreamFacts>(filters: &[&str], last: u64, stream: &mut F) -> Result<u64, F::Error> {
    if filters.is_empty() {
        return Ok(last);
    }
    let mut found = 0;
    for filter in filters {
        found = found.max(stream.bounds_of(filter)?.1);
    }
    Ok(found)
}

/// The sequence from a time, moved up to the first message that matches a filter when that is known.
fn from_time<F: StreamFacts>(
    time: i64,
    filters: &[&str],
    (_, last): (u64, u64),
    stream: &mut F,
) -> Result<u64, F::Error> {
    let from = stream.seq_from_time(time)?;
    let mut nearest = last;
    for filter in filters {
        let (first_match, _) = stream.bounds_of(filter)?;
        if first_match >= from && first_match < nearest {
            nearest = first_match;
        }
    }
    let can_skip = !filters.is_empty() && nearest > from && nearest < last;
    Ok(if can_skip { nearest } else { from })
}

impl Consumer {
    /// Begins with the last messages of each subject.
    pub fn set_listed(&mut self, listed: Option<Listed>) {
        self.listed = listed.map(Box::new);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use troupe_codecs::api::Timestamp;

    use super::*;

    /// Messages with sequence as time; subject `a` has odd sequences, `b` even ones.
    struct Fake {
        first: u64,
        last: u64,
        keeps_last: bool,
    }

    impl StreamFacts for Fake {
        type Error = Infallible;

        fn bounds(&self) -> (u64, u64) {
            (self.first, self.last)
        }

        fn is_last_per_subject(&self) -> bool {
            self.keeps_last
        }

        fn seq_from_time(&mut self, time: i64) -> Result<u64, Infallible> {
            Ok(u64::try_from(time).unwrap().clamp(self.first, self.last + 1))
        }

        fn bounds_of(&mut self, filter: &str) -> Result<(u64, u64), Infallible> {
            let parity = u64::from(filter == "a");
            let matching = |seq: &u64| seq % 2 == parity;
            let first = (self.first..=self.last).find(matching).unwrap_or(0);
            Ok((first, (self.first..=self.last).rev().find(matching).unwrap_or(0)))
        }

        fn last_seqs(&mut self, filters: &[&str]) -> Result<Vec<u64>, Infallible> {
            let mut seqs: Vec<u64> = filters.iter().map(|filter| self.bounds_of(filter).unwrap().1).collect();
            seqs.sort_unstable();
            Ok(seqs)
        }
    }

    fn start(policy: DeliverPolicy, seq: u64, time: i64, filter: &str, stream: (u64, u64)) -> Start {
        let config = ConsumerConfig {
            deliver_policy: policy,
            opt_start_seq: seq,
            opt_start_time: (time != 0).then(|| Timestamp::from_nanos(time)),
            filter_subject: filter.to_owned(),
            ..ConsumerConfig::default()
        };
        Start::choose(&config, &mut Fake { first: stream.0, last: stream.1, keeps_last: false }).unwrap()
    }

    #[test]
    fn policies_begin_where_they_say() {
        use DeliverPolicy::{All, ByStartSequence, ByStartTime, Last, LastPerSubject, New};
        for (policy, seq, time, filter, stream, expected) in [
            (All, 0, 0, "", (1, 10), 1),
            (All, 0, 0, "", (5, 10), 5),
            (All, 0, 0, "", (0, 0), 1),
            (All, 0, 0, "", (11, 10), 11),
            (Last, 0, 0, "", (1, 10), 10),
            (Last, 0, 0, "a", (1, 10), 9),
            (Last, 0, 0, "", (0, 0), 1),
            (New, 0, 0, "", (1, 10), 11),
            (New, 0, 0, "", (0, 0), 1),
            (ByStartSequence, 7, 0, "", (1, 10), 7),
            (ByStartSequence, 3, 0, "", (5, 10), 5),
            (ByStartSequence, 50, 0, "", (1, 10), 50),
            (ByStartSequence, 50, 0, "", (0, 0), 50),
            (ByStartTime, 0, 4, "", (1, 10), 4),
            (ByStartTime, 0, 4, "a", (1, 10), 4),
            (ByStartTime, 0, 99, "", (1, 10), 11),
            (LastPerSubject, 0, 0, "a", (1, 10), 9),
        ] {
            let found = start(policy, seq, time, filter, stream);
            assert_eq!(found.seq, expected, "{policy:?} {seq} {time} {filter} {stream:?}");
            assert_eq!(found.listed.is_some(), policy == LastPerSubject);
        }
    }

    #[test]
    fn a_stream_of_last_messages_needs_no_list() {
        let config = ConsumerConfig {
            deliver_policy: DeliverPolicy::LastPerSubject,
            filter_subject: "a".to_owned(),
            ..ConsumerConfig::default()
        };
        let found = Start::choose(&config, &mut Fake { first: 3, last: 10, keeps_last: true }).unwrap();
        assert_eq!(found, Start { seq: 3, listed: None });
    }
}
