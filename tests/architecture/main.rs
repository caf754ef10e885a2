//! The rules of the tree: sizes, who may depend on whom, where actix may appear, examples that load.
//!
//! A rule that is broken on purpose is changed here, in its table, so that the change shows in a review.

mod source;
mod t10_edges;
mod t10_hygiene;
mod t10_sizes;
mod t60_examples;
