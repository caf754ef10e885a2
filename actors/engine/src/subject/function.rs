//! Functions in the tokens of a destination: `$1`, `{{wildcard(1)}}`, `{{partition(10,1)}}` and the others.

use super::transform::{Fault, TransformError};

/// What stands at one token of a destination. Numbers of wildcards are as written, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// The token itself.
    Literal,
    /// The text under a wildcard.
    Wildcard(i64),
    /// Number of the bucket that the text under the wildcards, or the whole subject, hashes to.
    Partition(i32, Vec<i64>),
    /// A number by chance.
    Random(i32),
    /// The text under a wildcard, cut into two at a place.
    SplitFrom(Side, i64, i32),
    /// The text under a wildcard, cut into pieces of equal size.
    SliceFrom(Side, i64, i32),
    /// The text under a wildcard, cut at every separator.
    Split(i64, String),
    /// Some letters of the text under a wildcard.
    Take(Side, i64, i32),
}

/// The end a function counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Function {
    /// Reads one token.
    pub(super) fn parse(token: &str) -> Result<Self, TransformError> {
        if let Some(number) = token.strip_prefix('$').filter(|rest| !rest.is_empty()) {
            return Ok(number.parse().map_or(Self::Literal, Self::Wildcard));
        }
        if token.len() <= 4 || !token.starts_with("{{") || !token.ends_with("}}") {
            return Ok(Self::Literal);
        }
        Self::parse_call(token).map_err(|fault| TransformError::new(fault, token))
    }

    /// Tells whether a token has the look of a function call.
    pub(super) fn is_call(token: &str) -> bool {
        token.len() > 4 && token.starts_with("{{") && token.ends_with("}}")
    }

    /// Numbers of the wildcards it reads.
    pub(super) fn wildcards(&self) -> &[i64] {
        match self {
            Self::Literal | Self::Random(_) => &[],
            Self::Partition(_, wildcards) => wildcards,
            Self::Wildcard(wildcard)
            | Self::SplitFrom(_, wildcard, _)
            | Self::SliceFrom(_, wildcard, _)
            | Self::Split(wildcard, _)
            | Self::Take(_, wildcard, _) => std::slice::from_ref(wildcard),
        }
    }

    fn parse_call(token: &str) -> Result<Self, Fault> {
        if let Some(arguments) = arguments(token, "wildcard") {
            return match &arguments[..] {
                [""] => Err(Fault::NotEnoughArguments),
                [wildcard] => Ok(Self::Wildcard(number(wildcard)?)),
                _ => Err(Fault::TooManyArguments),
            };
        }
        if let Some(arguments) = arguments(token, "partition") {
            let buckets = small_number(arguments.first().copied().unwrap_or_default())?;
            let wildcards = arguments.iter().skip(1).map(|argument| number(argument)).collect::<Result<_, _>>()?;
            return Ok(Self::Partition(buckets, wildcards));
        }
        for side in [Side::Left, Side::Right] {
            let name = if side == Side::Left { "splitFromLeft" } else { "splitFromRight" };
            if let Some(arguments) = arguments(token, name) {
                return pair(&arguments).map(|(wildcard, size)| Self::SplitFrom(side, wildcard, size));
            }
        }
        for side in [Side::Left, Side::Right] {
            let name = if side == Side::Left { "sliceFromLeft" } else { "sliceFromRight" };
            if let Some(arguments) = arguments(token, name) {
                return pair(&arguments).map(|(wildcard, size)| Self::SliceFrom(side, wildcard, size));
            }
        }
        for side in [Side::Right, Side::Left] {
            let name = if side == Side::Left { "left" } else { "right" };
            if let Some(arguments) = arguments(token, name) {
                return pair(&arguments).map(|(wildcard, size)| Self::Take(side, wildcard, size));
            }
        }
        if let Some(arguments) = arguments(token, "split") {
            let [wildcard, separator] = two(&arguments)?;
            let wildcard = number(wildcard)?;
            let is_fit = !separator.contains([' ', '.']);
            return is_fit.then(|| Self::Split(wildcard, separator.to_owned())).ok_or(Fault::InvalidArgument);
        }
        if let Some(arguments) = arguments(token, "random") {
            let [ceiling] = &arguments[..] else { return Err(Fault::NotEnoughArguments) };
            return small_number(ceiling).map(Self::Random);
        }
        Err(Fault::UnknownFunction)
    }
}

/// Arguments of the first call of `name` in a token. The first letter of each word of the name may be of either case.
fn arguments<'t>(token: &'t str, name: &str) -> Option<Vec<&'t str>> {
    token.match_indices("{{").find_map(|(at, _)| {
        let rest = trim_start(&token[at + 2..]);
        let (word, rest) = rest.split_at_checked(name.len())?;
        let is_name = word.chars().zip(name.chars()).enumerate().all(|(place, (letter, wanted))| {
            let is_first = place == 0 || wanted.is_ascii_uppercase();
            letter == wanted || is_first && letter.eq_ignore_ascii_case(&wanted)
        });
        let rest = trim_start(rest).strip_prefix('(').filter(|_| is_name)?;
        let ends = rest.match_indices(')').map(|(end, _)| end);
        let end = ends.rev().find(|end| trim_start(&rest[end + 1..]).starts_with("}}"))?;
        let list = rest[..end].split(',').enumerate();
        Some(list.map(|(place, text)| if place == 0 { text } else { trim_start(text) }).collect())
    })
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', '\x0c'])
}

fn number(text: &str) -> Result<i64, Fault> {
    text.trim_matches(' ').parse().map_err(|_| Fault::InvalidArgument)
}

/// A number of 31 bits; a negative one may be anything, and loses its upper bits.
#[expect(clippy::cast_possible_truncation, reason = "as in nats-server, which checks the upper bound only")]
fn small_number(text: &str) -> Result<i32, Fault> {
    let number = number(text)?;
    if number > i64::from(i32::MAX) { Err(Fault::InvalidArgument) } else { Ok(number as i32) }
}

fn two<'t>(arguments: &[&'t str]) -> Result<[&'t str; 2], Fault> {
    match arguments {
        [_] | [] => Err(Fault::NotEnoughArguments),
        [first, second] => Ok([first, second]),
        _ => Err(Fault::TooManyArguments),
    }
}

fn pair(arguments: &[&str]) -> Result<(i64, i32), Fault> {
    let [wildcard, size] = two(arguments)?;
    let wildcard = number(wildcard)?;
    let size = size.trim_matches(' ').parse().map_err(|_| Fault::InvalidArgument)?;
    Ok((wildcard, size))
}
