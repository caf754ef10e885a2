//! Bad input over sockets: no panic, no growth past the limits, nats-server's error text.

mod memory;
mod t10_garbage;
mod t30_crowds;
mod t30_sizes;
mod t50_slow_bytes;
