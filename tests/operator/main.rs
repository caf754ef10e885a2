//! Operator mode: who may enter, and with what rights, stands in signed tokens. Services that make such tokens at each login.

mod asker;
mod service;
mod t10_callout;
mod t10_claims;
mod t10_reports;
mod t10_resolvers;
mod t10_tiers;
mod t10_users;
mod t30_callout;
mod t30_python;
mod t30_refusals;
mod t50_clusters;
mod t50_expiry;
mod t50_resolver_tls;
mod t60_configurations;
mod t60_reload;
mod tokens;
mod web;
