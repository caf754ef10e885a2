//! Codecs.

pub mod conf;
