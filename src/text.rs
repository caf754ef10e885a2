//! Words spelled as nats-server spells them.

use std::io;

/// Text of a system error in Go's spelling: `no such file or directory`, `address already in use`.
#[must_use]
pub fn system_error(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => lower_first_of(nix::errno::Errno::from_raw(code).desc()),
        None => error.to_string(),
    }
}

/// A string in double quotes, escaped as Go's `%q` does.
#[must_use]
pub fn quoted(value: &str) -> String {
    troupe_codecs::quote::quote(value.as_bytes())
}

/// Name the running binary was called by, without its directory.
#[must_use]
pub fn called_name() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    std::path::Path::new(&called)
        .file_name()
        .map_or_else(|| crate::PROGRAM_NAME.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The text with a small first letter, unless it starts with an abbreviation.
pub(crate) fn lower_first_of(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_are_spelled_as_go_does() {
        let cases = [
            (libc::ENOENT, "no such file or directory"),
            (libc::EACCES, "permission denied"),
            (libc::EADDRINUSE, "address already in use"),
            (libc::EADDRNOTAVAIL, "cannot assign requested address"),
            (libc::ECONNREFUSED, "connection refused"),
            (libc::ESRCH, "no such process"),
            (libc::EPERM, "operation not permitted"),
            (libc::EISDIR, "is a directory"),
            (libc::ENOTDIR, "not a directory"),
            (libc::ENOSPC, "no space left on device"),
            (libc::EPROTOTYPE, "protocol wrong type for socket"),
        ];
        for (code, text) in cases {
            assert_eq!(system_error(&io::Error::from_raw_os_error(code)), text);
        }
    }

    #[test]
    fn quoting_escapes_what_go_escapes() {
        let cases = [
            ("abc", r#""abc""#),
            ("", r#""""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\t\r", r#""a\nb\t\r""#),
            ("\x01\x7f", r#""\x01\x7f""#),
            ("é\u{85}", "\"é\\u0085\""),
        ];
        for (value, text) in cases {
            assert_eq!(quoted(value), text);
        }
    }
}
