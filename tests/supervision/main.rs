//! Supervision over sockets: what clients see, and do not see, when actors panic, stall, stop and give up.

mod received;
mod t10_arbiter;
mod t10_client;
mod t10_listener;
mod t10_router;
mod t20_give_up;
mod t20_shutdown;
mod t30_flush_order;
mod t30_random;
mod t30_router_load;
mod t50_leaks;
mod t50_router_stall;
