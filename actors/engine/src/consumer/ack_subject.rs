//! The reply subject of a delivered message, to which its acknowledgement is published.

use troupe_codecs::subject::{SEPARATOR, tokens};

/// What an acknowledgement's subject tells. Numbers that are none are [`u64::MAX`]: no message has that sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckSubject<'a> {
    /// Stream the message came from.
    pub stream: &'a [u8],
    /// Consumer that delivered it.
    pub consumer: &'a [u8],
    /// Deliveries of the message up to this one.
    pub deliveries: u64,
    /// Its sequence in the stream.
    pub stream_seq: u64,
    /// Its sequence among the consumer's deliveries.
    pub consumer_seq: u64,
}

/// Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>`, or the
/// form with domain and account hash before the stream, which may have more tokens at its end.
#[must_use]
pub fn parse_ack_subject(subject: &[u8]) -> Option<AckSubject<'_>> {
    let rest = subject.strip_prefix(b"$JS.ACK.")?;
    let mut fields: [&[u8]; 9] = [b""; 9];
    let mut num_fields = 0;
    for token in tokens(rest) {
        if let Some(field) = fields.get_mut(num_fields) {
            *field = token;
        }
        num_fields += 1;
    }
    let fields = match num_fields {
        7 => &fields[..7],
        9.. => &fields[2..],
        _ => return None,
    };
    let number = |at: usize| fields.get(at).map_or(u64::MAX, |token| parse_number(token));
    Some(AckSubject {
        stream: fields.first()?,
        consumer: fields.get(1)?,
        deliveries: number(2),
        stream_seq: number(3),
        consumer_seq: number(4),
    })
}

fn parse_number(digits: &[u8]) -> u64 {
    let mut number: u64 = 0;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return u64::MAX;
        }
        number = number.saturating_mul(10).saturating_add(u64::from(value));
    }
    if digits.is_empty() { u64::MAX } else { number }
}

/// Numbers in the reply subject of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckNumbers {
    /// Deliveries of the message, this one included.
    pub deliveries: u64,
    /// Its sequence in the stream.
    pub stream_seq: u64,
    /// Its sequence among the consumer's deliveries.
    pub consumer_seq: u64,
    /// When it was stored, in nanoseconds since 1970.
    pub timestamp: i64,
    /// Messages behind it that match the consumer's filters.
    pub num_pending: u64,
}

/// Writes the reply subjects of one consumer.
#[derive(Clone, Debug)]
pub struct AckPrefix {
    /// `$JS.ACK.<stream>.<consumer>.`
    bytes: Box<[u8]>,
}

impl AckPrefix {
    /// For a consumer of a stream.
    #[must_use]
    pub fn new(stream: &str, consumer: &str) -> Self {
        Self { bytes: format!("$JS.ACK.{stream}.{consumer}.").into_bytes().into() }
    }

    /// Appends the reply subject of a delivery.
    pub fn write(&self, numbers: &AckNumbers, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(&self.bytes);
        for number in [numbers.deliveries, numbers.stream_seq, numbers.consumer_seq] {
            out.extend_from_slice(digits.format(number).as_bytes());
            out.push(SEPARATOR);
        }
        out.extend_from_slice(digits.format(numbers.timestamp).as_bytes());
        out.push(SEPARATOR);
        out.extend_from_slice(digits.format(numbers.num_pending).as_bytes());
    }

    /// Length of the reply subject that [`Self::write`] appends.
    #[must_use]
    pub fn len_with(&self, numbers: &AckNumbers) -> usize {
        let sign = usize::from(numbers.timestamp < 0);
        let count = [numbers.deliveries, numbers.stream_seq, numbers.consumer_seq, numbers.num_pending];
        let counts: usize = count.into_iter().map(num_digits).sum();
        self.bytes.len() + 4 + counts + sign + num_digits(numbers.timestamp.unsigned_abs())
    }
}

fn num_digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_both_forms() {
        let first = parse_ack_subject(b"$JS.ACK.S.C.1.22.333.1700000000000000000.4").unwrap();
        assert_eq!((first.stream, first.consumer), (&b"S"[..], &b"C"[..]));
        assert_eq!((first.deliveries, first.stream_seq, first.consumer_seq), (1, 22, 333));
        for second in ["$JS.ACK._.a1b2c3d4.S.C.1.22.333.17.4", "$JS.ACK.hub.a1b2c3d4.S.C.1.22.333.17.4.more.of.it"] {
            assert_eq!(parse_ack_subject(second.as_bytes()), Some(first), "{second}");
        }
        for bad in ["$JS.ACK.S.C.1.2.3.4", "$JS.ACK.S.C.1.2.3.4.5.6", "$JS.ACK", "$JS.FC.S.C.1.2.3.4.5", ""] {
            assert_eq!(parse_ack_subject(bad.as_bytes()), None, "{bad}");
        }
        let odd = parse_ack_subject(b"$JS.ACK.S.C.x..-1.4.5").unwrap();
        assert_eq!((odd.deliveries, odd.stream_seq, odd.consumer_seq), (u64::MAX, u64::MAX, u64::MAX));
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(
            deliveries in any::<u64>(), stream_seq in any::<u64>(), consumer_seq in any::<u64>(),
            timestamp in any::<i64>(), num_pending in any::<u64>(),
        ) {
            let numbers = AckNumbers { deliveries, stream_seq, consumer_seq, timestamp, num_pending };
            let prefix = AckPrefix::new("ORDERS", "worker-1");
            let mut subject = Vec::new();
            prefix.write(&numbers, &mut subject);
            prop_assert_eq!(subject.len(), prefix.len_with(&numbers));
            let read = parse_ack_subject(&subject).unwrap();
            prop_assert_eq!((read.stream, read.consumer), (&b"ORDERS"[..], &b"worker-1"[..]));
            prop_assert_eq!((read.deliveries, read.stream_seq, read.consumer_seq), (deliveries, stream_seq, consumer_seq));
        }

        #[test]
        fn takes_any_bytes(subject in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut prefixed = b"$JS.ACK.".to_vec();
            prefixed.extend_from_slice(&subject);
            let _ = (parse_ack_subject(&subject), parse_ack_subject(&prefixed));
        }
    }
}
