//! Where the text of a document comes from, and how much of it there may be.

use std::sync::Arc;

use super::error::ParseError;
use super::value::Position;

/// A file that an `include` asked for.
#[derive(Clone, Debug)]
pub struct Included {
    /// Name for error texts, and the base of the includes inside it.
    pub file: String,
    /// Contents.
    pub text: Vec<u8>,
}

/// Where includes and environment variables come from.
pub trait Resolver {
    /// Reads the file that `including_file` includes as `path`, as written.
    ///
    /// # Errors
    /// The reason in words, for the user.
    fn include(&self, including_file: &str, path: &str) -> Result<Included, String>;

    /// The value of an environment variable.
    fn environment(&self, name: &str) -> Option<String>;
}

/// A resolver without files and environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoResolver;

impl Resolver for NoResolver {
    fn include(&self, _including_file: &str, path: &str) -> Result<Included, String> {
        Err(format!("open {path}: includes are not available"))
    }

    fn environment(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Deepest chain of includes and environment variables.
const MAX_SOURCES: usize = 32;
/// Most bytes a document may stand for: text read plus values copied through variables.
const MAX_WEIGHT: usize = 256 * 1024 * 1024;
/// Bytes an include counts for besides its text, so that a tree of empty files ends, too.
const SOURCE_WEIGHT: usize = 4096;

/// What the parsers of a file and of everything it pulls in have in common.
pub(super) struct Sources<'a> {
    resolver: &'a dyn Resolver,
    /// Texts being read.
    depth: usize,
    weight: usize,
    /// Environment variables being read, to find cycles.
    variables: Vec<String>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(resolver: &'a dyn Resolver) -> Self {
        Self { resolver, depth: 0, weight: 0, variables: Vec::new() }
    }

    /// Counts what a value stands for in memory.
    pub(super) fn add_weight(&mut self, weight: usize, position: &Position) -> Result<(), ParseError> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > MAX_WEIGHT {
            return Err(ParseError::new(position.clone(), "configuration is too large"));
        }
        Ok(())
    }

    /// Begins a text: it has to be UTF-8, not too deep and not too large.
    pub(super) fn open<'t>(&mut self, text: &'t [u8], file: &Arc<str>) -> Result<&'t str, ParseError> {
        let start = Position { file: Arc::clone(file), line: 1, column: 0 };
        self.add_weight(text.len() + SOURCE_WEIGHT, &start)?;
        self.depth += 1;
        if self.depth > MAX_SOURCES {
            return Err(ParseError::new(start, "includes or variables are nested too deeply"));
        }
        readable(text, file)
    }

    /// Ends a text that was read without fault.
    pub(super) fn close(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn include(&self, including_file: &str, path: &str) -> Result<Included, String> {
        self.resolver.include(including_file, path)
    }

    /// The text of an environment variable, which counts as being read from now on; an error for a cycle.
    pub(super) fn enter_variable(&mut self, name: &str) -> Result<Option<String>, String> {
        if self.variables.iter().any(|known| known == name) {
            return Err(format!("variable reference cycle for '{name}'"));
        }
        let text = self.resolver.environment(name);
        if text.is_some() {
            self.variables.push(name.to_owned());
        }
        Ok(text)
    }

    pub(super) fn leave_variable(&mut self) {
        self.variables.pop();
    }
}

/// The text as UTF-8 without NUL bytes.
fn readable<'t>(text: &'t [u8], file: &Arc<str>) -> Result<&'t str, ParseError> {
    let (good, reason) = match std::str::from_utf8(text) {
        Ok(text) => match text.find('\0') {
            None => return Ok(text),
            Some(nul) => (&text.as_bytes()[..nul], "Unexpected EOF."),
        },
        Err(error) => (&text[..error.valid_up_to()], "invalid UTF-8"),
    };
    let line_start = good.iter().rposition(|&b| b == b'\n').unwrap_or(0);
    let line = 1 + good.iter().filter(|&&b| b == b'\n').count();
    let position = Position {
        file: Arc::clone(file),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(good.len() - line_start).unwrap_or(u32::MAX),
    };
    Err(ParseError::new(position, format!("Parse error on line {line}: '{reason}'")))
}
