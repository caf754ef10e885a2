//! Limits of lines, payloads, subscriptions, connections and time, and what happens at them.

mod t10_connections;
mod t10_control_line;
mod t10_rates;
mod t10_subscriptions;
mod t50_keepalive;
mod t50_lame_duck;
mod t50_slow_consumers;
mod t60_reload;
