//! What a connection may publish and hear, and what it is told when it may not.

mod t10_publish;
mod t10_subscribe;
mod t30_default_permissions;
mod t30_deny_at_delivery;
mod t30_differences;
mod t30_queues;
mod t30_quoting;
mod t30_responses;
