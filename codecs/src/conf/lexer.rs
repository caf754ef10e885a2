//! Keys, scalars, comments and separators.

use std::sync::Arc;

use super::error::ParseError;
use super::scalar::{classify, digits_end};
use super::text::{Cursor, ends_unquoted, is_blank, is_key_separator, is_newline};
use super::value::Position;

/// Where a key stands: some rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// At the top level of a file.
    Top,
    /// Inside braces around a whole file.
    Block,
    /// Inside a map.
    Map,
}

/// A value that is neither map nor array.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Datetime(String),
    /// `$NAME`, without the dollar sign.
    Variable(String),
}

/// What stands where a key is expected.
#[derive(Debug)]
pub(super) enum Key {
    Name(String, Position),
    /// `include`: the path and the place of the keyword.
    Include(String, Position),
}

/// A text cut into the pieces of the language.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    pub(super) cursor: Cursor<'a>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, file: Arc<str>) -> Self {
        Self { cursor: Cursor::new(text, file) }
    }

    /// Skips white space, new lines included.
    pub(super) fn skip_space(&mut self) {
        self.cursor.take_while(char::is_whitespace);
    }

    /// Skips blanks and tabs.
    pub(super) fn skip_blanks(&mut self) {
        self.cursor.take_while(is_blank);
    }

    /// Skips one comment up to its end of line; false when there is none.
    pub(super) fn skip_comment(&mut self) -> bool {
        let starts = match self.cursor.peek() {
            Some('#') => true,
            Some('/') => self.cursor.peek_second() == Some('/'),
            _ => false,
        };
        if starts {
            self.cursor.take_while(|c| !is_newline(c));
        }
        starts
    }

    /// Skips white space and comments.
    pub(super) fn skip_to_token(&mut self) {
        loop {
            self.skip_space();
            if !self.skip_comment() {
                return;
            }
        }
    }

    /// Reads a key or the path of an include. White space and comments before it are skipped already.
    pub(super) fn key(&mut self, scope: Scope) -> Result<Key, ParseError> {
        let dot = if scope == Scope::Map { "." } else { "" };
        match self.cursor.peek() {
            Some(c) if is_key_separator(c) => {
                return Err(self.cursor.error(format_args!("Unexpected key separator '{c}'{dot}")));
            }
            Some(']') if scope == Scope::Map => {
                return Err(self.cursor.error("Unexpected array end ']' processing map."));
            }
            Some(quote @ ('"' | '\'')) => return self.quoted_key(scope, quote),
            // A single slash before a key of a map is skipped, as nats-server does.
            Some('/') if scope == Scope::Map => _ = self.cursor.bump(),
            _ => {}
        }
        self.plain_key(scope)
    }

    fn quoted_key(&mut self, scope: Scope, quote: char) -> Result<Key, ParseError> {
        self.cursor.bump();
        let position = self.cursor.position();
        let name = self.cursor.take_while(|c| c != quote).to_owned();
        if self.cursor.bump().is_none() {
            return Err(self.cursor.error(match (scope, quote) {
                (Scope::Map, '"') => "Unexpected EOF processing double quoted map key.",
                (Scope::Map, _) => "Unexpected EOF processing quoted map key.",
                _ => "Unexpected EOF.",
            }));
        }
        Ok(Key::Name(name, position))
    }

    fn plain_key(&mut self, scope: Scope) -> Result<Key, ParseError> {
        let position = self.cursor.position();
        let start = self.cursor.offset();
        self.cursor.bump();
        self.cursor.take_while(|c| !c.is_whitespace() && !is_key_separator(c));
        let name = self.cursor.since(start);
        match self.cursor.peek() {
            None if scope == Scope::Map => Err(self.cursor.error("Unexpected EOF processing map key.")),
            Some(c) if c.is_whitespace() && name.eq_ignore_ascii_case("include") => {
                Ok(Key::Include(self.include_path()?, position))
            }
            _ => Ok(Key::Name(name.to_owned(), position)),
        }
    }

    fn include_path(&mut self) -> Result<String, ParseError> {
        self.skip_blanks();
        let found = match self.cursor.peek() {
            Some(quote @ ('"' | '\'')) => return self.quoted_include_path(quote),
            Some('[') => "start of an array",
            Some('{') => "start of a map",
            Some('(') => "start of a block",
            Some(c) if c.is_ascii_digit() || c == '-' => "start of a number",
            Some('\\') => "escape sequence",
            Some(c) if is_newline(c) => "new line",
            _ => {
                let path = self.cursor.take_while(|c| !matches!(c, ';' | '}' | '\'') && !is_newline(c) && !is_blank(c));
                if self.cursor.peek() == Some('\'') {
                    self.cursor.bump();
                }
                return Ok(path.to_owned());
            }
        };
        Err(self.cursor.error_at_next(|_| format!("Expected include value but found {found}")))
    }

    fn quoted_include_path(&mut self, quote: char) -> Result<String, ParseError> {
        self.cursor.bump();
        let path = self.cursor.take_while(|c| c != quote).to_owned();
        if self.cursor.bump().is_none() {
            let kind = if quote == '"' { "double quoted" } else { "quoted" };
            return Err(self.cursor.error(format_args!("Unexpected EOF in {kind} include")));
        }
        Ok(path)
    }

    /// Reads a scalar that starts at the next character.
    pub(super) fn scalar(&mut self) -> Result<Scalar, ParseError> {
        match self.cursor.peek() {
            Some('\'') => self.raw_string().map(Scalar::Text),
            Some('"') => {
                self.cursor.bump();
                self.escaped_text(Some('"')).map(Scalar::Text)
            }
            Some('(') => self.block().map(Scalar::Text),
            Some('.') => Err(self.cursor.error_at_next(|_| "Floats must start with a digit".to_owned())),
            Some(c) if is_newline(c) => {
                Err(self.cursor.error_at_next(|_| "Expected value but found new line".to_owned()))
            }
            Some('-') => self.negative(),
            _ => self.unquoted(),
        }
    }

    fn raw_string(&mut self) -> Result<String, ParseError> {
        self.cursor.bump();
        let text = self.cursor.take_while(|c| c != '\'').to_owned();
        match self.cursor.bump() {
            Some(_) => Ok(text),
            None => Err(self.cursor.error("Unexpected EOF.")),
        }
    }

    /// Reads `( ... )`: everything up to a `)` that is alone in its line.
    fn block(&mut self) -> Result<String, ParseError> {
        self.cursor.bump();
        let start = self.cursor.offset();
        let mut line_starts = false;
        while let Some(c) = self.cursor.peek() {
            if c == ')' && line_starts && matches!(self.cursor.peek_second(), None | Some('\n' | '\r')) {
                let text = self.cursor.since(start).to_owned();
                self.cursor.bump();
                return Ok(text);
            }
            line_starts = c == '\n';
            self.cursor.bump();
        }
        Err(self.cursor.error("Unexpected EOF processing block."))
    }

    /// Reads what starts with a minus sign. Only numbers do; junk after one is left for the end of the value to report.
    fn negative(&mut self) -> Result<Scalar, ParseError> {
        let rest = self.cursor.rest();
        let digits = digits_end(rest);
        if digits == 0 {
            self.cursor.bump();
            return Err(self.cursor.error_at_next(|found| match found {
                "." => "Floats must start with a digit, not '.'.".to_owned(),
                _ => format!("Expected a digit but got '{found}'."),
            }));
        }
        if rest[digits..].starts_with(|c: char| c == '.' || "kKmMgGtTpPeE".contains(c)) {
            return self.unquoted();
        }
        let start = self.cursor.offset();
        self.cursor.take_while(|c| c == '-');
        self.cursor.take_while(|c| c.is_ascii_digit());
        classify(self.cursor.since(start)).map_err(|reason| self.cursor.error(reason))
    }

    fn unquoted(&mut self) -> Result<Scalar, ParseError> {
        let word = self.cursor.rest();
        let end = word.find(|c| ends_unquoted(c) || matches!(c, '\'' | '\\')).unwrap_or(word.len());
        let escaped = word[end..].starts_with(['\'', '\\']);
        if escaped {
            return self.escaped_text(None).map(Scalar::Text);
        }
        let word = &word[..end];
        let start = self.cursor.offset();
        self.cursor.take_while(|c| !ends_unquoted(c));
        debug_assert_eq!(self.cursor.since(start), word);
        if digits_end(word) > 0 && word.len() == digits_end(word) + 1 && word.ends_with('.') {
            return Err(self
                .cursor
                .error_at_next(|found| format!("Floats must have a digit after the '.', but got '{found}' instead.")));
        }
        classify(word).map_err(|reason| self.cursor.error(reason))
    }

    /// Reads text with escapes up to `quote`, or up to the end of an unquoted word (a `'` ends one, too).
    fn escaped_text(&mut self, quote: Option<char>) -> Result<String, ParseError> {
        let start = self.cursor.position();
        let mut bytes = Vec::new();
        loop {
            match self.cursor.peek() {
                None if quote.is_some() => return Err(self.cursor.error("Unexpected EOF.")),
                None => break,
                Some('\\') => {
                    self.cursor.bump();
                    bytes.push(self.escape()?);
                }
                Some(c) if Some(c) == quote || (quote.is_none() && c == '\'') => {
                    self.cursor.bump();
                    break;
                }
                Some(c) if quote.is_none() && ends_unquoted(c) => break,
                Some(c) => {
                    self.cursor.bump();
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        String::from_utf8(bytes).map_err(|_| ParseError::new(start, "escaped bytes in a string are not valid UTF-8"))
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<u8, ParseError> {
        match self.cursor.peek() {
            Some('x') => {
                self.cursor.bump();
                return self.hex_byte();
            }
            Some(c @ ('t' | 'n' | 'r' | '"' | '\\')) => {
                self.cursor.bump();
                return Ok(match c {
                    't' => b'\t',
                    'n' => b'\n',
                    'r' => b'\r',
                    '"' => b'"',
                    _ => b'\\',
                });
            }
            _ => {}
        }
        Err(self.cursor.error_at_next(|found| {
            format!(
                "Invalid escape character '{found}'. Only the following escape characters are allowed: \
                 \\xXX, \\t, \\n, \\r, \\\", \\\\."
            )
        }))
    }

    fn hex_byte(&mut self) -> Result<u8, ParseError> {
        let start = self.cursor.offset();
        for _ in 0..2 {
            match self.cursor.peek() {
                Some(c) if !is_newline(c) => _ = self.cursor.bump(),
                Some(_) => {
                    let reason = "Expected two hexadecimal digits after '\\x', but hit end of line";
                    return Err(self.cursor.error_at_next(|_| reason.to_owned()));
                }
                None => break,
            }
        }
        let digits = self.cursor.since(start);
        let is_hex = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let byte = is_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten();
        byte.ok_or_else(|| {
            self.cursor.error(format_args!("Expected two hexadecimal digits after '\\x', but got '{digits}'"))
        })
    }
}
