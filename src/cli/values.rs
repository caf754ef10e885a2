//! Values of flags, read as Go's `strconv` reads them.

/// Reads a boolean: `1 t T TRUE true True` and `0 f F FALSE false False`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Reads an integer with an optional sign and prefix (`0x`, `0o`, `0b`, or a leading `0` for octal).
///
/// # Errors
/// Go's reason: `parse error` or `value out of range`.
pub(super) fn integer(text: &str) -> Result<i64, &'static str> {
    const PARSE: &str = "parse error";
    const RANGE: &str = "value out of range";
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, prefixed, digits) = radix_of(digits);
    if !underscores_are_well_placed(digits, prefixed) {
        return Err(PARSE);
    }
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(PARSE);
    }
    let magnitude = u64::from_str_radix(&digits, radix).map_err(|_| RANGE)?;
    match negative {
        true => 0i64.checked_sub_unsigned(magnitude).ok_or(RANGE),
        false => i64::try_from(magnitude).map_err(|_| RANGE),
    }
}

fn radix_of(digits: &str) -> (u32, bool, &str) {
    let bytes = digits.as_bytes();
    if bytes.len() < 2 || bytes[0] != b'0' {
        return (10, false, digits);
    }
    match bytes[1] {
        b'x' | b'X' => (16, true, &digits[2..]),
        b'o' | b'O' => (8, true, &digits[2..]),
        b'b' | b'B' => (2, true, &digits[2..]),
        _ => (8, true, &digits[1..]),
    }
}

/// An underscore may stand between digits or behind a prefix, never first, last or doubled.
fn underscores_are_well_placed(digits: &str, prefixed: bool) -> bool {
    !(digits.contains("__") || digits.ends_with('_') || (digits.starts_with('_') && !prefixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_follow_go() {
        let cases = [
            ("4222", Ok(4222)),
            ("-1", Ok(-1)),
            ("+7", Ok(7)),
            ("0", Ok(0)),
            ("0x10", Ok(16)),
            ("-0X1f", Ok(-31)),
            ("0b101", Ok(5)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("0x_1f", Ok(31)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err("value out of range")),
            ("99999999999999999999", Err("value out of range")),
            ("", Err("parse error")),
            ("-", Err("parse error")),
            ("abc", Err("parse error")),
            ("1.5", Err("parse error")),
            ("08", Err("parse error")),
            ("1_000", Ok(1000)),
            ("0_17", Ok(15)),
            ("_1", Err("parse error")),
            ("1_", Err("parse error")),
            ("1__0", Err("parse error")),
            ("0x", Err("parse error")),
            ("--1", Err("parse error")),
            ("é", Err("parse error")),
        ];
        for (text, expected) in cases {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn booleans_follow_go() {
        for (text, expected) in
            [("1", Some(true)), ("True", Some(true)), ("F", Some(false)), ("yes", None), ("", None), ("tRUE", None)]
        {
            assert_eq!(boolean(text), expected, "{text}");
        }
    }
}
