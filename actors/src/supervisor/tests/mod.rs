//! The supervisor on a real actix system. Nothing here sleeps for luck: tests wait for conditions, gates and channels.

mod cast;
mod t10_restart;
mod t20_shutdown;
mod t30_give_up;
mod t40_stall;
mod t50_arbiters;
mod t60_connections;
#[cfg(feature = "fault-injection")]
mod t70_faults;
mod t80_queue;
mod t90_actix;
