//! The grammar: documents, maps, arrays, includes and variables.

use std::sync::Arc;

use super::error::ParseError;
use super::lexer::{Key, Lexer, Scalar, Scope};
use super::source::{Resolver, Sources};
use super::text::{is_key_separator, is_newline};
use super::value::{Data, Document, Entry, Map, Position, Value};

/// Deepest nesting of maps and arrays.
const MAX_DEPTH: usize = 100;
/// Key under which the text of an environment variable is parsed.
const ENVIRONMENT_KEY: &str = "pk";
/// `$2a$...` is a bcrypt hash, not a variable.
const BCRYPT_PREFIX: &str = "2a$";

/// Parses a text. `file` names it in positions and is handed to the resolver with every include.
///
/// # Errors
/// The first fault found, with its place.
pub fn parse(text: &[u8], file: &str, resolver: &dyn Resolver) -> Result<Document, ParseError> {
    Ok(Document { root: parse_source(text, file.into(), &mut Sources::new(resolver))? })
}

fn parse_source(text: &[u8], file: Arc<str>, sources: &mut Sources<'_>) -> Result<Map, ParseError> {
    let text = sources.open(text, &file)?;
    let mut parser = Parser { lexer: Lexer::new(text, file), scopes: vec![Map::default()], depth: 0, sources };
    parser.document()?;
    let root = parser.scopes.pop().unwrap_or_default();
    sources.close();
    Ok(root)
}

struct Parser<'a, 's, 'r> {
    lexer: Lexer<'a>,
    /// Maps being filled, outermost first. Never empty.
    scopes: Vec<Map>,
    depth: usize,
    sources: &'s mut Sources<'r>,
}

impl Parser<'_, '_, '_> {
    fn document(&mut self) -> Result<(), ParseError> {
        loop {
            self.lexer.skip_to_token();
            match self.lexer.cursor.peek() {
                None => return Ok(()),
                Some('/') => return Err(self.lexer.cursor.error_at_next(|_| "Unexpected EOF.".to_owned())),
                Some('{') => self.block()?,
                Some(_) => {
                    self.entry(Scope::Top)?;
                    self.end_of_top_value()?;
                }
            }
        }
    }

    /// Reads `{ ... }` around a whole file. The closing brace may be missing.
    fn block(&mut self) -> Result<(), ParseError> {
        self.enter()?;
        self.lexer.cursor.bump();
        loop {
            self.lexer.skip_to_token();
            match self.lexer.cursor.peek() {
                None => break,
                Some('/') => return Err(self.lexer.cursor.error_at_next(|_| "Unexpected EOF.".to_owned())),
                Some('}') => {
                    self.lexer.cursor.bump();
                    break;
                }
                Some('{') => {
                    self.block()?;
                    if self.end_of_block()? {
                        break;
                    }
                }
                Some(_) => {
                    self.entry(Scope::Block)?;
                    if self.end_of_block_value()? {
                        break;
                    }
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads what may follow a value at the top level.
    fn end_of_top_value(&mut self) -> Result<(), ParseError> {
        self.skip_blanks_and_slashes();
        if self.lexer.skip_comment() {
            return Ok(());
        }
        match self.lexer.cursor.peek() {
            None => Ok(()),
            Some(c) if is_newline(c) || matches!(c, ';' | ',' | '}') => {
                self.lexer.cursor.bump();
                Ok(())
            }
            Some(_) => Err(self.lexer.cursor.error_at_next(|found| {
                format!("Expected a top-level value to end with a new line, comment or EOF, but got '{found}' instead.")
            })),
        }
    }

    /// Reads what may follow a value in a block; true when the block ends.
    fn end_of_block_value(&mut self) -> Result<bool, ParseError> {
        loop {
            self.skip_blanks_and_slashes();
            if self.lexer.skip_comment() {
                continue;
            }
            match self.lexer.cursor.peek() {
                Some('}') => {
                    self.lexer.cursor.bump();
                    return Ok(true);
                }
                Some(c) if is_newline(c) || matches!(c, ';' | ',') => {
                    self.lexer.cursor.bump();
                    return Ok(false);
                }
                _ => {
                    return Err(self.lexer.cursor.error_at_next(|found| {
                        format!(
                            "Expected a block-level value to end with a new line, comment or EOF, \
                             but got '{found}' instead."
                        )
                    }));
                }
            }
        }
    }

    /// Reads what may follow a block inside a block; true when the outer one ends.
    fn end_of_block(&mut self) -> Result<bool, ParseError> {
        self.lexer.skip_space();
        match self.lexer.cursor.peek() {
            None | Some('#' | '/') => Ok(false),
            Some(';' | ',') => {
                self.lexer.cursor.bump();
                Ok(false)
            }
            Some('}') => {
                self.lexer.cursor.bump();
                Ok(true)
            }
            Some(_) => Err(self.lexer.cursor.error_at_next(|found| {
                format!("Expected a block-level to end with a '}}', but got '{found}' instead.")
            })),
        }
    }

    /// Skips blanks and the single slashes that nats-server ignores behind a value.
    fn skip_blanks_and_slashes(&mut self) {
        loop {
            self.lexer.skip_blanks();
            match (self.lexer.cursor.peek(), self.lexer.cursor.peek_second()) {
                (Some('/'), second) if second != Some('/') => _ = self.lexer.cursor.bump(),
                _ => return,
            }
        }
    }

    /// Reads a key with its value, or an include, into the innermost map.
    fn entry(&mut self, scope: Scope) -> Result<(), ParseError> {
        let (key, position) = match self.lexer.key(scope)? {
            Key::Name(name, position) => (name, position),
            Key::Include(path, position) => return self.include(&path, &position),
        };
        self.lexer.skip_space();
        let separated = self.lexer.cursor.peek().is_some_and(is_key_separator);
        if separated {
            self.lexer.cursor.bump();
        } else if self.lexer.cursor.peek().is_none() && scope != Scope::Map {
            // A lone brace at the end closes a file that opened none.
            if key == "}" {
                return Ok(());
            }
            let end = self.lexer.cursor.position();
            return Err(ParseError::new(end.clone(), format!("config is invalid ({end})")));
        }
        if scope == Scope::Map {
            self.check_map_value(&key)?;
        }
        let mut value = self.value()?;
        value.position = position.clone();
        self.sources.add_weight(key.len() + 64, &position)?;
        self.innermost().insert(key, value);
        Ok(())
    }

    fn check_map_value(&mut self, key: &str) -> Result<(), ParseError> {
        self.lexer.skip_space();
        match self.lexer.cursor.peek() {
            Some(',') => Err(self.lexer.cursor.error_at_next(|_| "Unexpected map value terminator \",\".".to_owned())),
            Some('}') => {
                Err(self.lexer.cursor.error_at_next(|_| format!("Expected a value for key \"{key}\" but found '}}'.")))
            }
            _ => Ok(()),
        }
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        self.lexer.skip_blanks();
        let mut position = self.lexer.cursor.position();
        // The place of a quoted text is behind its quote, as for quoted keys.
        position.column += u32::from(matches!(self.lexer.cursor.peek(), Some('"' | '\'')));
        let data = match self.lexer.cursor.peek() {
            Some('[') => Data::Array(self.array()?),
            Some('{') => Data::Map(self.map()?),
            _ => match self.lexer.scalar()? {
                Scalar::Bool(truth) => Data::Bool(truth),
                Scalar::Integer(number) => Data::Integer(number),
                Scalar::Float(number) => Data::Float(number),
                Scalar::Text(text) => Data::Text(text),
                Scalar::Datetime(text) => Data::Datetime(text),
                Scalar::Variable(name) => {
                    let mut value = self.variable(&name, &position)?;
                    value.position = position;
                    return Ok(value);
                }
            },
        };
        Ok(Value { data, position, from_variable: false })
    }

    fn map(&mut self) -> Result<Map, ParseError> {
        self.enter()?;
        self.lexer.cursor.bump();
        self.scopes.push(Map::default());
        loop {
            self.lexer.skip_to_token();
            match self.lexer.cursor.peek() {
                None => return Err(self.lexer.cursor.error("Unexpected EOF processing map.")),
                Some('}') => {
                    self.lexer.cursor.bump();
                    break;
                }
                Some(_) => self.entry(Scope::Map)?,
            }
            if self.end_of_map_value()? {
                break;
            }
        }
        self.depth -= 1;
        Ok(self.scopes.pop().unwrap_or_default())
    }

    /// Reads what may follow a value in a map; true when the map ends.
    fn end_of_map_value(&mut self) -> Result<bool, ParseError> {
        loop {
            self.lexer.skip_blanks();
            if self.lexer.skip_comment() {
                continue;
            }
            match self.lexer.cursor.peek() {
                Some('}') => {
                    self.lexer.cursor.bump();
                    return Ok(true);
                }
                Some(c) if is_newline(c) || matches!(c, ';' | ',' | '/') => {
                    self.lexer.cursor.bump();
                    return Ok(false);
                }
                _ => {
                    return Err(self.lexer.cursor.error_at_next(|found| {
                        format!(
                            "Expected a map value terminator \",\" or a map terminator \"}}\", but got '{found}' instead."
                        )
                    }));
                }
            }
        }
    }

    fn array(&mut self) -> Result<Vec<Value>, ParseError> {
        self.enter()?;
        self.lexer.cursor.bump();
        let mut items = Vec::new();
        loop {
            self.lexer.skip_to_token();
            match self.lexer.cursor.peek() {
                Some(']') => {
                    self.lexer.cursor.bump();
                    break;
                }
                Some(',' | '/') => {
                    return Err(self
                        .lexer
                        .cursor
                        .error_at_next(|_| "Unexpected array value terminator ','.".to_owned()));
                }
                _ => {
                    let item = self.value()?;
                    self.sources.add_weight(64, &item.position)?;
                    items.push(item);
                }
            }
            if self.end_of_array_value()? {
                break;
            }
        }
        self.depth -= 1;
        Ok(items)
    }

    /// Reads what may follow an item of an array; true when the array ends.
    fn end_of_array_value(&mut self) -> Result<bool, ParseError> {
        loop {
            self.lexer.skip_blanks();
            if self.lexer.skip_comment() {
                continue;
            }
            match self.lexer.cursor.peek() {
                Some(']') => {
                    self.lexer.cursor.bump();
                    return Ok(true);
                }
                Some(c) if is_newline(c) || matches!(c, ',' | '/') => {
                    self.lexer.cursor.bump();
                    return Ok(false);
                }
                _ => {
                    return Err(self.lexer.cursor.error_at_next(|found| {
                        format!(
                            "Expected an array value terminator \",\" or an array terminator \"]\", \
                             but got '{found}' instead."
                        )
                    }));
                }
            }
        }
    }

    /// Reads another file and puts its keys into the innermost map.
    fn include(&mut self, path: &str, position: &Position) -> Result<(), ParseError> {
        let failed = |reason: String| {
            ParseError::new(position.clone(), format!("error parsing include file '{path}', {reason}"))
        };
        let included = self.sources.include(&position.file, path).map_err(failed)?;
        let map = parse_source(&included.text, included.file.into(), self.sources);
        for entry in map.map_err(|error| failed(error.to_string()))? {
            self.innermost().insert_entry(entry);
        }
        Ok(())
    }

    /// Looks a variable up in the maps around it, innermost first, then in the environment.
    fn variable(&mut self, name: &str, position: &Position) -> Result<Value, ParseError> {
        if name.starts_with(BCRYPT_PREFIX) {
            let data = Data::Text(format!("${name}"));
            return Ok(Value { data, position: position.clone(), from_variable: false });
        }
        let known = self.scopes.iter_mut().rev().find_map(|scope| scope.use_as_variable(name));
        let value = match known {
            Some(value) => Some(value),
            None => self.environment_variable(name, position)?,
        };
        let line = position.line;
        let value = value.ok_or_else(|| {
            let reason = format!("variable reference for '{name}' on line {line} can not be found");
            ParseError::new(position.clone(), reason)
        })?;
        self.sources.add_weight(value.weight(), position)?;
        Ok(Value { from_variable: true, ..value })
    }

    fn environment_variable(&mut self, name: &str, position: &Position) -> Result<Option<Value>, ParseError> {
        let line = position.line;
        let failed = |reason: String| {
            let reason = format!("variable reference for '{name}' on line {line} could not be parsed: {reason}");
            ParseError::new(position.clone(), reason)
        };
        let Some(text) = self.sources.enter_variable(name).map_err(failed)? else { return Ok(None) };
        let text = format!("{ENVIRONMENT_KEY}={text}");
        let map = parse_source(text.as_bytes(), Arc::from(format!("${name}")), self.sources);
        self.sources.leave_variable();
        let map = map.map_err(|error| failed(error.reason))?;
        Ok(map.into_iter().find(|Entry { key, .. }| key == ENVIRONMENT_KEY).map(|entry| entry.value))
    }

    fn enter(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.lexer.cursor.error("maps and arrays are nested too deeply"));
        }
        Ok(())
    }

    fn innermost(&mut self) -> &mut Map {
        if self.scopes.is_empty() {
            self.scopes.push(Map::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }
}
