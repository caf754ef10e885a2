//! A place in a text that only moves forward and knows its line.

use std::sync::Arc;

use super::error::ParseError;
use super::value::Position;

/// Reads a text character by character.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    file: Arc<str>,
    at: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, file: Arc<str>) -> Self {
        Self { text, file, at: 0, line: 1, line_start: 0 }
    }

    /// The next character, not consumed; `None` at the end.
    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// The character after the next one.
    pub(super) fn peek_second(&self) -> Option<char> {
        self.text[self.at..].chars().nth(1)
    }

    /// Consumes one character.
    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        if next == '\n' {
            self.line += 1;
            self.line_start = self.at;
        }
        self.at += next.len_utf8();
        Some(next)
    }

    /// Consumes characters as long as `wanted` holds and returns them.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.bump();
        }
        &self.text[start..self.at]
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Byte offset from the start of the text.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Text from byte `start` up to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    pub(super) fn position(&self) -> Position {
        let column = u32::try_from(self.at - self.line_start).unwrap_or(u32::MAX);
        Position { file: Arc::clone(&self.file), line: self.line, column }
    }

    /// A syntax error here.
    pub(super) fn error(&self, reason: impl std::fmt::Display) -> ParseError {
        ParseError::new(self.position(), format!("Parse error on line {}: '{reason}'", self.line))
    }

    /// A syntax error about the next character, which is consumed first so that the line is nats-server's.
    pub(super) fn error_at_next(&mut self, reason: impl FnOnce(&str) -> String) -> ParseError {
        let next = self.bump();
        self.error(reason(&shown(next)))
    }
}

/// A character inside an error text.
fn shown(next: Option<char>) -> String {
    match next {
        None => "EOF".into(),
        Some('\n') => "\\n".into(),
        Some(other) => other.to_string(),
    }
}

pub(super) fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

pub(super) fn is_key_separator(c: char) -> bool {
    matches!(c, '=' | ':')
}

/// Whether an unquoted value ends before `c`.
pub(super) fn ends_unquoted(c: char) -> bool {
    is_newline(c) || is_blank(c) || matches!(c, ';' | ',' | ']' | '}')
}
