//! Real clients against the server: async-nats and nats-py, used as applications use them.

mod common;
mod t10_messages;
mod t10_requests;
mod t30_many;
mod t50_drain;
mod t50_identity;
mod t50_python;
mod t50_reconnect;
mod t50_tls;
