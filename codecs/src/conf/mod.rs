//! The nats-server configuration language: text to an ordered tree of values that know where they stand.
//!
//! Keys and values are separated by `=`, `:` or white space; maps are `{}`, arrays `[]`; `#` and `//` start
//! comments; `$NAME` refers to a key of an enclosing map or to the environment; `include` reads another file.
//! The room does no I/O: files and the environment come from a [`Resolver`].

mod duration;
mod error;
mod json;
mod lexer;
mod parser;
#[cfg(test)]
mod parser_test;
mod scalar;
mod source;
mod text;
mod value;

pub use duration::{DurationError, format_duration, parse_duration};
pub use error::ParseError;
pub use parser::parse;
pub use source::{Included, NoResolver, Resolver};
pub use value::{Data, Document, Entry, Map, Position, Value};
