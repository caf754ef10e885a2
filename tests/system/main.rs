//! The system account: what it answers and what it tells. Documents are compared by their shape: keys, order and types.

mod pprof;
mod shape;
mod t10_events;
mod t10_jetstream;
mod t10_requests;
mod t20_profiles;
mod t30_tenants;
