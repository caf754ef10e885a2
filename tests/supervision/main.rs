//! Supervision over sockets: what clients see, and do not see, when actors panic, stall, stop and give up.

mod t10_client;
