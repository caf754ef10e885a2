//! Messages in memory.

mod log;
mod page;

pub(crate) use log::MemoryLog;
