//! Which value an unquoted word is.

use super::lexer::Scalar;

/// Why a word that looks like a number or date is none.
pub(super) type WordError = String;

/// Classifies a word without escapes. Words that start with a digit and are no number are text.
pub(super) fn classify(word: &str) -> Result<Scalar, WordError> {
    if let Some(truth) = boolean(word) {
        return Ok(Scalar::Bool(truth));
    }
    if let Some(name) = word.strip_prefix('$') {
        return Ok(Scalar::Variable(name.to_owned()));
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Ok(Scalar::Text(word.to_owned()));
    }
    if let Some(number) = integer(word)? {
        return Ok(Scalar::Integer(number));
    }
    if is_float(word) {
        return float(word).map(Scalar::Float);
    }
    if starts_like_date(word) {
        return date(word).map(|()| Scalar::Datetime(word.to_owned()));
    }
    Ok(Scalar::Text(word.to_owned()))
}

fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" => Some(true),
        "false" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// Length of the leading `-` and digits.
pub(super) fn digits_end(word: &str) -> usize {
    let sign = usize::from(word.starts_with('-'));
    let digits = word[sign..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 { 0 } else { sign + digits }
}

fn integer(word: &str) -> Result<Option<i64>, WordError> {
    let end = digits_end(word);
    if end == 0 {
        return Ok(None);
    }
    let Some(factor) = multiplier(&word[end..]) else { return Ok(None) };
    let out_of_range = || format!("integer '{word}' is out of the range");
    let number: i64 = word[..end].parse().map_err(|_| out_of_range())?;
    number.checked_mul(factor).map(Some).ok_or_else(out_of_range)
}

/// What a size suffix multiplies by; `None` when it is no suffix.
fn multiplier(suffix: &str) -> Option<i64> {
    let lower = suffix.to_ascii_lowercase();
    let (unit, rest) = match lower.chars().next() {
        None => return Some(1),
        Some(unit) => (unit, &lower[unit.len_utf8()..]),
    };
    let power = match unit {
        'k' => 1,
        'm' => 2,
        'g' => 3,
        't' => 4,
        'p' => 5,
        'e' => 6,
        _ => return None,
    };
    match rest {
        "" => Some(1000_i64.pow(power)),
        "b" | "i" | "ib" => Some(1024_i64.pow(power)),
        _ => None,
    }
}

fn is_float(word: &str) -> bool {
    let end = digits_end(word);
    let Some(fraction) = word[end..].strip_prefix('.') else { return false };
    end > 0 && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
}

fn float(word: &str) -> Result<f64, WordError> {
    match word.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("float '{word}' is out of the range")),
    }
}

/// Whether a word begins as `2016-05-`, which nothing but a date does.
fn starts_like_date(word: &str) -> bool {
    let shape = b"0000-00-";
    word.len() >= shape.len()
        && word.bytes().zip(shape).all(|(b, &s)| if s == b'0' { b.is_ascii_digit() } else { b == s })
}

fn date(word: &str) -> Result<(), WordError> {
    let shape = "0000-00-00T00:00:00Z";
    let mut rest = word.chars();
    for wanted in shape.chars() {
        let found = rest.next();
        let fits = found.is_some_and(|c| if wanted == '0' { c.is_ascii_digit() } else { c == wanted });
        if fits {
            continue;
        }
        let what = if wanted == '0' { "digit".to_owned() } else { format!("'{wanted}'") };
        let found = found.map_or_else(|| "EOF".to_owned(), String::from);
        return Err(format!("Expected {what} in ISO8601 datetime, but found '{found}' instead."));
    }
    if rest.next().is_some() || !is_calendar_date(word) {
        return Err(format!("expected Zulu formatted DateTime, but got '{word}'"));
    }
    Ok(())
}

/// Whether month, day and time of a well-formed date exist.
fn is_calendar_date(word: &str) -> bool {
    let part = |from: usize, to: usize| word[from..to].parse::<u32>().unwrap_or(u32::MAX);
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day) && part(11, 13) < 24 && part(14, 16) < 60 && part(17, 19) < 60
}
