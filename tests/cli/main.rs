//! The command line, compared with nats-server's.
//!
//! The server is the binary next to the tests, or the one named by `TROUPE_BIN`. With `NATS_SERVER_REF` naming a
//! nats-server 2.15.1, every case is run through both and must give the same.

mod binaries;
mod t10_check;
mod t10_flags;
mod t10_help;
mod t10_signal;
mod t90_listener_flags;
