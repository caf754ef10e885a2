//! The dashboard: what is served, and what a person sees of it in a real browser.

mod browser;
mod driver;
mod http;
mod stage;
mod stand_in;
mod t10_accounts;
mod t10_cluster;
mod t10_connections;
mod t10_files;
mod t10_overview;
mod t10_peers_and_streams;
mod t10_subscriptions;
mod t30_appearance;
mod t30_hostile_names;
mod t50_auth;
mod t50_events;
mod t50_reconnect;
mod t50_trouble;
