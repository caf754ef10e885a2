//! One rule that turns subjects under a pattern into other subjects.

use thiserror::Error;
use troupe_codecs::subject::{is_literal, is_subset, tokens};

use super::function::{Function, Side};

/// The pattern that every subject is under.
const EVERYTHING: &str = ">";

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    BadSubject,
    BadDestination,
    NotUsingAllWildcards,
    UnknownFunction,
    IndexOutOfRange,
    NotEnoughArguments,
    InvalidArgument,
    TooManyArguments,
    NotForImports,
}

impl Fault {
    fn text(self) -> &'static str {
        match self {
            Self::BadSubject => "invalid subject",
            Self::BadDestination => "invalid mapping destination: invalid transform",
            Self::NotUsingAllWildcards => "invalid mapping destination: not using all of the token wildcard(s)",
            Self::UnknownFunction => "invalid mapping destination: unknown function",
            Self::IndexOutOfRange => "invalid mapping destination: wildcard index out of range",
            Self::NotEnoughArguments => "invalid mapping destination: not enough arguments passed to the function",
            Self::InvalidArgument => "invalid mapping destination: function argument is invalid or in the wrong format",
            Self::TooManyArguments => "invalid mapping destination: too many arguments passed to the function",
            Self::NotForImports => {
                "invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}}"
            }
        }
    }
}

/// Why a rule is refused. The texts are nats-server's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{}", fault.text(), place(token))]
pub struct TransformError {
    pub(super) fault: Fault,
    token: String,
}

impl TransformError {
    pub(super) fn new(fault: Fault, token: impl Into<String>) -> Self {
        Self { fault, token: token.into() }
    }
}

fn place(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!(" in {token}") }
}

/// One piece of a destination; places are tokens of the subject, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Wildcard(usize),
    Partition(i32, Box<[usize]>),
    Random(i32),
    SplitFrom(Side, usize, usize),
    SliceFrom(Side, usize, usize),
    Split(usize, Box<str>),
    Take(Side, usize, usize),
}

/// A rule from a source pattern to a destination with functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    source: Box<str>,
    destination: Box<str>,
    pieces: Box<[Piece]>,
    /// Tokens of the source in front of its `>`, when both end in one.
    rest_from: Option<usize>,
}

impl Transform {
    /// Reads a rule. An empty source is `>`.
    ///
    /// # Errors
    /// Tells what is wrong with either subject or with a function.
    pub fn new(source: &str, destination: &str) -> Result<Self, TransformError> {
        Self::read(source, destination, false)
    }

    /// Reads a rule that can be turned round, as imports need it: wildcards are used whole, and all of them.
    ///
    /// # Errors
    /// As [`Transform::new`], and for functions that lose something.
    pub fn strict(source: &str, destination: &str) -> Result<Self, TransformError> {
        Self::read(source, destination, true)
    }

    /// Checks the destination of a mapping in the configuration.
    ///
    /// # Errors
    /// As [`Transform::new`], with a word on the place of a bad token.
    pub fn validate_mapping(source: &str, destination: &str) -> Result<(), TransformError> {
        let mut is_over = false;
        for token in destination.split('.') {
            if token.is_empty() || is_over {
                return Err(TransformError::new(Fault::BadDestination, token));
            }
            if Function::is_call(token) {
                match Function::parse(token) {
                    Err(error) if error.fault == Fault::UnknownFunction => return Err(error),
                    _ => continue,
                }
            }
            is_over = token == EVERYTHING;
            if token.contains(['\t', '\n', '\x0c', '\r', ' ']) {
                return Err(TransformError::new(Fault::BadDestination, ""));
            }
        }
        Self::new(source, destination).map(drop)
    }

    fn read(source: &str, destination: &str, is_strict: bool) -> Result<Self, TransformError> {
        let source = if source.is_empty() { EVERYTHING } else { source };
        let bad = || TransformError::new(Fault::BadSubject, "");
        let (places, has_rest) = wildcards_of(source).ok_or_else(bad)?;
        let (wildcards_there, rest_there) = wildcards_of(destination).ok_or_else(bad)?;
        if !wildcards_there.is_empty() || has_rest != rest_there {
            return Err(bad());
        }
        let is_plain = places.is_empty() && !has_rest;
        let mut num_used = 0;
        let mut pieces = Vec::new();
        for token in destination.split('.') {
            let function = Function::parse(token)?;
            if is_plain {
                pieces.push(plain_piece(token, &function)?);
                continue;
            }
            if is_strict && !matches!(function, Function::Literal | Function::Wildcard(_)) {
                return Err(TransformError::new(Fault::NotForImports, token));
            }
            num_used += function.wildcards().len();
            pieces.push(piece(token, function, &places)?);
        }
        if is_strict && num_used < places.len() {
            return Err(TransformError::new(Fault::NotUsingAllWildcards, destination));
        }
        if has_rest {
            pieces.pop();
        }
        let rest_from = has_rest.then(|| source.split('.').count() - 1);
        Ok(Self { source: source.into(), destination: destination.into(), pieces: pieces.into(), rest_from })
    }

    /// The pattern it applies to.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The destination as written.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The destination of a literal `subject`; `None` when the subject is not under the source pattern.
    #[must_use]
    pub fn matched(&self, subject: &[u8]) -> Option<Vec<u8>> {
        if &*self.source == EVERYTHING && &*self.destination == EVERYTHING {
            return Some(subject.to_vec());
        }
        let is_fit =
            !tokens(subject).any(<[u8]>::is_empty) && is_literal(subject) && is_subset(subject, self.source.as_bytes());
        is_fit.then(|| self.apply(subject))
    }

    /// The destination of `subject`, which must be under the source pattern and may have wildcards of its own.
    #[must_use]
    pub fn apply(&self, subject: &[u8]) -> Vec<u8> {
        let tokens: Vec<&[u8]> = tokens(subject).collect();
        let mut result = Vec::with_capacity(subject.len() + self.destination.len());
        for (number, piece) in self.pieces.iter().enumerate() {
            if number > 0 {
                result.push(b'.');
            }
            piece.write(subject, &tokens, &mut result);
        }
        let mut is_first = self.pieces.is_empty();
        for token in tokens.iter().skip(self.rest_from.unwrap_or(usize::MAX)) {
            if !std::mem::take(&mut is_first) {
                result.push(b'.');
            }
            result.extend_from_slice(token);
        }
        result
    }

    /// The rule that leads back; `None` when there is no way back.
    #[must_use]
    pub fn reverse(&self) -> Option<Self> {
        let (source, marks) = untokenize(&self.destination);
        let mut marks = marks.into_iter();
        let mut destination = Vec::new();
        for token in self.source.split('.') {
            destination.push(if token == "*" { marks.next()? } else { token });
        }
        Self::strict(&source, &destination.join(".")).ok()
    }
}

/// Makes a destination of a pattern: `foo.*.*` becomes `foo.$1.$2`.
#[must_use]
pub fn tokenize(pattern: &str) -> String {
    let mut number = 0;
    let mark = |token: &str| {
        if token != "*" {
            return token.to_owned();
        }
        number += 1;
        format!("${number}")
    };
    pattern.split('.').map(mark).collect::<Vec<_>>().join(".")
}

/// Makes a pattern of a destination, and lists the tokens that became wildcards: `foo.$2.$1` becomes `foo.*.*`.
#[must_use]
pub fn untokenize(destination: &str) -> (String, Vec<&str>) {
    let mut marks = Vec::new();
    let mut pattern = Vec::new();
    for token in destination.split('.') {
        let is_number = token.strip_prefix('$').is_some_and(|rest| rest.starts_with(|c| matches!(c, '1'..='9')));
        if is_number || token.contains("{{") && matches!(Function::parse(token), Ok(Function::Wildcard(_))) {
            marks.push(token);
            pattern.push("*");
        } else {
            pattern.push(token);
        }
    }
    (pattern.join("."), marks)
}

/// Places of the `*` tokens, and whether the subject ends in `>`; `None` when it is no subject.
fn wildcards_of(subject: &str) -> Option<(Vec<usize>, bool)> {
    let mut places = Vec::new();
    let mut has_rest = false;
    for (place, token) in subject.split('.').enumerate() {
        if token.is_empty() || has_rest {
            return None;
        }
        has_rest = token == EVERYTHING;
        if token == "*" {
            places.push(place);
        }
    }
    Some((places, has_rest))
}

/// A piece of a rule whose source has no wildcards.
fn plain_piece(token: &str, function: &Function) -> Result<Piece, TransformError> {
    match function {
        Function::Literal => Ok(Piece::Literal(token.into())),
        Function::Random(ceiling) => Ok(Piece::Random(*ceiling)),
        Function::Partition(buckets, _) => Ok(Piece::Partition(*buckets, Box::default())),
        _ => Err(TransformError::new(Fault::IndexOutOfRange, token)),
    }
}

fn piece(token: &str, function: Function, places: &[usize]) -> Result<Piece, TransformError> {
    let place = |number: i64| match usize::try_from(number) {
        Ok(number) if number > places.len() => {
            Err(TransformError::new(Fault::IndexOutOfRange, format!("{token}: [{number}]")))
        }
        Ok(number) if number > 0 => Ok(places[number - 1]),
        // Numbers below the first wildcard mean the first token.
        _ => Ok(0),
    };
    let size = |size: i32| usize::try_from(size).unwrap_or(0);
    Ok(match function {
        Function::Literal => Piece::Literal(token.into()),
        Function::Random(ceiling) => Piece::Random(ceiling),
        Function::Wildcard(wildcard) => Piece::Wildcard(place(wildcard)?),
        Function::Partition(buckets, wildcards) => {
            Piece::Partition(buckets, wildcards.into_iter().map(place).collect::<Result<_, _>>()?)
        }
        Function::SplitFrom(side, wildcard, at) => Piece::SplitFrom(side, place(wildcard)?, size(at)),
        Function::SliceFrom(side, wildcard, at) => Piece::SliceFrom(side, place(wildcard)?, size(at)),
        Function::Split(wildcard, separator) => Piece::Split(place(wildcard)?, separator.into()),
        Function::Take(side, wildcard, count) => Piece::Take(side, place(wildcard)?, size(count)),
    })
}

impl Piece {
    fn write(&self, subject: &[u8], tokens: &[&[u8]], result: &mut Vec<u8>) {
        let token = |place: usize| tokens.get(place).copied().unwrap_or_default();
        match self {
            Self::Literal(text) => result.extend_from_slice(text.as_bytes()),
            Self::Wildcard(place) => result.extend_from_slice(token(*place)),
            Self::Random(ceiling) => write_number(random_below(*ceiling), result),
            Self::Partition(buckets, places) => {
                let key = if places.is_empty() {
                    hash(std::iter::once(subject))
                } else {
                    hash(places.iter().map(|place| token(*place)))
                };
                write_number(bucket(key, *buckets), result);
            }
            Self::SplitFrom(side, place, size) => {
                let token = token(*place);
                match inside(token, *size) {
                    None => result.extend_from_slice(token),
                    Some(size) => {
                        let (left, right) = token.split_at(from_side(token, size, *side));
                        result.extend_from_slice(left);
                        result.push(b'.');
                        result.extend_from_slice(right);
                    }
                }
            }
            Self::SliceFrom(side, place, size) => slice(token(*place), *size, *side, result),
            Self::Split(place, separator) => split(token(*place), separator.as_bytes(), result),
            Self::Take(side, place, size) => {
                let token = token(*place);
                let (left, right) =
                    token.split_at(inside(token, *size).map_or(0, |size| from_side(token, size, *side)));
                let taken = if *side == Side::Left && !left.is_empty() { left } else { right };
                result.extend_from_slice(taken);
            }
        }
    }
}

/// A size that is within a token.
fn inside(token: &[u8], size: usize) -> Option<usize> {
    (size > 0 && size < token.len()).then_some(size)
}

fn from_side(token: &[u8], size: usize, side: Side) -> usize {
    if side == Side::Left { size } else { token.len() - size }
}

fn slice(token: &[u8], size: usize, side: Side, result: &mut Vec<u8>) {
    let Some(size) = inside(token, size) else { return result.extend_from_slice(token) };
    let head = if side == Side::Left { 0 } else { token.len() % size };
    let (first, rest) = token.split_at(head);
    result.extend_from_slice(first);
    for (number, piece) in rest.chunks(size).enumerate() {
        if number > 0 || head > 0 {
            result.push(b'.');
        }
        result.extend_from_slice(piece);
    }
}

/// Joins the parts of a token with dots, leaving out empty ones, but for one quirk of nats-server: a token that begins
/// with two separators keeps a dot in front.
fn split(token: &[u8], separator: &[u8], result: &mut Vec<u8>) {
    let parts = parts(token, separator);
    for (number, part) in parts.iter().enumerate() {
        result.extend_from_slice(part);
        let is_gap = number == 0 && part.is_empty();
        if !is_gap && parts.get(number + 1).is_some_and(|next| !next.is_empty()) {
            result.push(b'.');
        }
    }
}

/// What is between the separators; without a separator the letters.
fn parts<'t>(token: &'t [u8], separator: &[u8]) -> Vec<&'t [u8]> {
    if separator.is_empty() {
        return token.utf8_chunks().flat_map(letters).collect();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for at in memchr::memmem::find_iter(token, separator) {
        parts.push(&token[start..at]);
        start = at + separator.len();
    }
    parts.push(&token[start..]);
    parts
}

/// The letters of a piece of text, and the bytes behind it that are none.
fn letters<'t>(chunk: std::str::Utf8Chunk<'t>) -> impl Iterator<Item = &'t [u8]> {
    let valid = chunk.valid();
    let letters = valid.char_indices().map(|(at, letter)| &valid.as_bytes()[at..at + letter.len_utf8()]);
    letters.chain(chunk.invalid().chunks(1))
}

/// FNV-1a of 32 bits.
fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    parts.flatten().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[expect(clippy::cast_sign_loss, reason = "as in nats-server, where a negative number of buckets is a large one")]
fn bucket(key: u32, buckets: i32) -> u32 {
    key.checked_rem(buckets as u32).unwrap_or(0)
}

fn random_below(ceiling: i32) -> u32 {
    let chance = rand::random::<u32>() >> 1;
    chance.checked_rem(ceiling.unsigned_abs()).unwrap_or(0)
}

fn write_number(number: u32, result: &mut Vec<u8>) {
    result.extend_from_slice(number.to_string().as_bytes());
}
