//! Codecs: wire and file formats of NATS as plain values, with no I/O, no runtime and no clock.

pub mod proxy;
