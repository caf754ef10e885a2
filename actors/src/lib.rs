//! State with a life: the supervised actors of the server, shells around the crates below.

pub mod queue;
pub mod supervisor;
