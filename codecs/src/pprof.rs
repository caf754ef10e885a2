//! Profiles in the format of pprof: packed protocol buffers.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;

/// What a column of values counts, and in which unit.
pub type Kind = (&'static str, &'static str);

/// A profile in the making: where values of something were seen.
#[derive(Debug)]
pub struct Profile {
    /// The document so far.
    out: Vec<u8>,
    strings: Table,
    functions: Table,
    locations: HashMap<(u64, u64), u64>,
    images: Vec<(u64, u64)>,
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Name of the function.
    pub function: Arc<str>,
    /// Where it stands in memory, 0 where that means nothing.
    pub address: u64,
}

/// A file with code that is in memory.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// Its first address.
    pub start: u64,
    /// The address behind it.
    pub end: u64,
    /// Its path.
    pub file: &'a str,
}

impl Frame {
    /// A place that has a name only.
    pub fn named(function: impl Into<Arc<str>>) -> Self {
        Self { function: function.into(), address: 0 }
    }
}

/// Numbers of names.
#[derive(Debug, Default)]
struct Table(HashMap<String, u64>);

impl Table {
    /// Number of a name, and whether it is new. The first is 0.
    fn number(&mut self, name: &str) -> (u64, bool) {
        if let Some(number) = self.0.get(name) {
            return (*number, false);
        }
        let number = self.0.len() as u64;
        self.0.insert(name.to_owned(), number);
        (number, true)
    }
}

impl Profile {
    /// An empty profile with these columns.
    #[must_use]
    pub fn new(columns: &[Kind]) -> Self {
        let mut profile = Self {
            out: Vec::new(),
            strings: Table::default(),
            functions: Table::default(),
            locations: HashMap::new(),
            images: Vec::new(),
        };
        profile.string("");
        for kind in columns {
            profile.kind(1, *kind);
        }
        profile
    }

    /// Says when it was made, and over which time.
    pub fn taken(&mut self, at: SystemTime, took: Duration) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        number(&mut self.out, 9, nanoseconds(since));
        number(&mut self.out, 10, nanoseconds(took));
    }

    /// Says what stands between two samples.
    pub fn period(&mut self, kind: Kind, length: u64) {
        self.kind(11, kind);
        number(&mut self.out, 12, length);
    }

    /// Adds a remark for people.
    pub fn comment(&mut self, text: &str) {
        let text = self.string(text);
        number(&mut self.out, 13, text);
    }

    /// Adds a file that code of the stacks to come may be in.
    pub fn image(&mut self, image: Image<'_>) {
        let file = self.string(image.file);
        self.images.push((image.start, image.end));
        let mut mapping = Vec::new();
        number(&mut mapping, 1, self.images.len() as u64);
        number(&mut mapping, 2, image.start);
        number(&mut mapping, 3, image.end);
        number(&mut mapping, 5, file);
        // Functions have names already.
        number(&mut mapping, 7, 1);
        bytes(&mut self.out, 3, &mapping);
    }

    /// Adds values, one a column, that were seen on a stack, innermost place first.
    pub fn sample(&mut self, stack: &[Frame], values: &[u64], labels: &[(&str, &str)]) {
        let mut sample = Vec::new();
        for frame in stack {
            let location = self.location(frame);
            number(&mut sample, 1, location);
        }
        for value in values {
            // A column has its place even where it counts nothing.
            tag(&mut sample, 2, 0);
            varint(&mut sample, *value);
        }
        for (key, value) in labels {
            let (key, value) = (self.string(key), self.string(value));
            let mut label = Vec::new();
            number(&mut label, 1, key);
            number(&mut label, 2, value);
            bytes(&mut sample, 3, &label);
        }
        bytes(&mut self.out, 2, &sample);
    }

    /// The document, packed as pprof wants it.
    ///
    /// # Errors
    /// It cannot be packed.
    pub fn encode(mut self) -> std::io::Result<Vec<u8>> {
        let mut strings: Vec<(String, u64)> = self.strings.0.into_iter().collect();
        strings.sort_unstable_by_key(|(_, number)| *number);
        for (text, _) in &strings {
            bytes(&mut self.out, 6, text.as_bytes());
        }
        let mut writer = GzEncoder::new(Vec::with_capacity(self.out.len() / 4), Compression::default());
        writer.write_all(&self.out)?;
        writer.finish()
    }

    fn string(&mut self, text: &str) -> u64 {
        self.strings.number(text).0
    }

    fn kind(&mut self, field: u64, kind: Kind) {
        let mut message = Vec::new();
        let (name, unit) = (self.string(kind.0), self.string(kind.1));
        number(&mut message, 1, name);
        number(&mut message, 2, unit);
        bytes(&mut self.out, field, &message);
    }

    fn location(&mut self, frame: &Frame) -> u64 {
        let function = self.function(&frame.function);
        let next = self.locations.len() as u64 + 1;
        let id = *self.locations.entry((frame.address, function)).or_insert(next);
        if id == next {
            let image = self.images.iter().position(|(start, end)| (*start..*end).contains(&frame.address));
            let mut line = Vec::new();
            number(&mut line, 1, function);
            let mut location = Vec::new();
            number(&mut location, 1, id);
            number(&mut location, 2, image.map_or(0, |at| at as u64 + 1));
            number(&mut location, 3, frame.address);
            bytes(&mut location, 4, &line);
            bytes(&mut self.out, 4, &location);
        }
        id
    }

    fn function(&mut self, name: &str) -> u64 {
        let (place, is_new) = self.functions.number(name);
        let id = place + 1;
        if is_new {
            let text = self.string(name);
            let mut function = Vec::new();
            number(&mut function, 1, id);
            number(&mut function, 2, text);
            number(&mut function, 3, text);
            bytes(&mut self.out, 5, &function);
        }
        id
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A field with a number; 0 is not written, it is what a missing field means.
fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        tag(out, field, 0);
        varint(out, value);
    }
}

/// A field with bytes.
fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    tag(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    varint(out, field << 3 | wire_type);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_small_profile_byte_by_byte() {
        let mut profile = Profile::new(&[("n", "count")]);
        profile.image(Image { start: 16, end: 300, file: "f" });
        let stack = [Frame { function: "g".into(), address: 200 }, Frame::named("h")];
        profile.sample(&stack, &[3], &[("t", "x")]);
        profile.sample(&stack[1..], &[0], &[]);
        let mut plain = Vec::new();
        let packed = profile.encode().expect("packs");
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).expect("it is gzip");
        let wanted: Vec<u8> = [
            &[0x0a, 4, 8, 1, 16, 2][..],                          // n, count
            &[0x1a, 11, 8, 1, 16, 16, 24, 0xac, 2, 40, 3, 56, 1], // the image
            &[0x2a, 6, 8, 1, 16, 4, 24, 4],                       // g
            &[0x22, 11, 8, 1, 16, 1, 24, 0xc8, 1, 0x22, 2, 8, 1], // in the image
            &[0x2a, 6, 8, 2, 16, 5, 24, 5],                       // h
            &[0x22, 6, 8, 2, 0x22, 2, 8, 2],                      // nowhere
            &[0x12, 12, 8, 1, 8, 2, 16, 3, 0x1a, 4, 8, 6, 16, 7], // g, h: 3, t = x
            &[0x12, 4, 8, 2, 16, 0],                              // h: 0
            &[0x32, 0, 0x32, 1, b'n', 0x32, 5],
            b"count",
            &[0x32, 1, b'f', 0x32, 1, b'g', 0x32, 1, b'h', 0x32, 1, b't', 0x32, 1, b'x'],
        ]
        .concat();
        assert_eq!(plain, wanted);
    }
}
