//! JetStream: requests answered as nats-server answers them, and official clients at work.

mod exchange;
mod masked;
mod t10_exchanges;
mod t50_python;
