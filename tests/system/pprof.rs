//! Reads profiles as pprof does.

use std::collections::HashMap;
use std::io::Read as _;

/// What a profile tells.
#[derive(Debug)]
pub(crate) struct Profile {
    /// What each column counts, and in which unit.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) comments: Vec<String>,
    /// Nanoseconds.
    pub(crate) duration: u64,
    pub(crate) files: Vec<String>,
}

/// What was seen on one stack.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Functions, from the innermost.
    pub(crate) stack: Vec<String>,
    pub(crate) values: Vec<u64>,
    pub(crate) labels: Vec<(String, String)>,
}

/// A field of a message: a number, or bytes.
#[derive(Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bytes(bytes) => panic!("{bytes:?} is no number"),
        }
    }

    fn fields(self) -> Vec<(u64, Field<'a>)> {
        match self {
            Self::Bytes(bytes) => fields(bytes),
            Self::Number(number) => panic!("{number} is no message"),
        }
    }
}

impl Profile {
    /// Reads a packed profile.
    pub(crate) fn read(packed: &[u8]) -> Self {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).expect("it is packed with gzip");
        let all = fields(&plain);
        let of = |field: u64| all.iter().filter(move |(number, _)| *number == field).map(|(_, value)| *value);
        let strings: Vec<String> = of(6)
            .map(|text| match text {
                Field::Bytes(bytes) => String::from_utf8(bytes.to_vec()).expect("text"),
                Field::Number(number) => panic!("{number} is no text"),
            })
            .collect();
        assert_eq!(strings.first().map(String::as_str), Some(""), "the first is empty");
        let text = |number: u64| strings[usize::try_from(number).expect("small")].clone();
        let functions: HashMap<u64, String> =
            of(5).map(|function| (one(function, 1), text(one(function, 2)))).collect();
        let location = |location: Field<'_>| {
            let (_, line) = *location.fields().iter().find(|(number, _)| *number == 4).expect("a line");
            (one(location, 1), functions[&one(line, 1)].clone())
        };
        let locations: HashMap<u64, String> = of(4).map(location).collect();
        let sample = |sample: Field<'_>| {
            let fields = sample.fields();
            let of = |field: u64| fields.iter().filter(move |(number, _)| *number == field).map(|(_, value)| *value);
            Sample {
                stack: of(1).map(|id| locations[&id.number()].clone()).collect(),
                values: of(2).map(Field::number).collect(),
                labels: of(3).map(|label| (text(one(label, 1)), text(one(label, 2)))).collect(),
            }
        };
        Self {
            columns: of(1).map(|kind| (text(one(kind, 1)), text(one(kind, 2)))).collect(),
            samples: of(2).map(sample).collect(),
            comments: of(13).map(|comment| text(comment.number())).collect(),
            duration: of(10).map(Field::number).sum(),
            files: of(3).map(|file| text(one(file, 5))).collect(),
        }
    }
}

/// The number in a field of a message, 0 where it is missing.
fn one(message: Field<'_>, field: u64) -> u64 {
    message.fields().iter().find(|(number, _)| *number == field).map_or(0, |(_, value)| value.number())
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).expect("small");
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(value)
            }
            other => panic!("wire type {other} is not used here"),
        };
        fields.push((tag >> 3, value));
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("a number ends");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}
