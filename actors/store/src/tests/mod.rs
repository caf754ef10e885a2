//! Stores against an obvious model, and files against what happens to them.

mod agreement;
mod archives;
mod crash;
mod directories;
mod index;
mod model;
mod scene;
mod simulated_disk;
mod stores;
mod turns;
