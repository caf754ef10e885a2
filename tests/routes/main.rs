//! Clusters: Troupe among its own kind and among real nats-servers.

mod common;
mod played;
mod t10_formation;
mod t10_messages;
mod t10_mixes;
mod t10_services;
mod t10_system;
mod t10_traces;
mod t30_interest;
mod t30_limits;
mod t30_refusals;
mod t30_sessions;
mod t50_back_pressure;
mod t50_duplicates;
mod t50_failures;
mod t50_rolling;
mod t50_slow_peers;
mod t60_dialling;
mod t60_examples;
mod t60_reload;
mod t60_settings;
