//! The client protocol: raw sessions that must be answered with the same bytes as nats-server answers.

mod t10_handshake;
mod t10_headers;
mod t10_publish;
mod t10_queue_groups;
mod t10_subscribe;
mod t10_unsubscribe;
mod t30_arguments;
mod t30_control_lines;
mod t30_last_answers;
mod t30_partial_frames;
mod t30_repeated_connect;
mod t30_reserved;
mod t30_rows;
mod t30_sizes;
mod t30_subjects;
mod t30_unknown_verbs;
mod t50_proxy_protocol;
mod t60_log_lines;
mod t90_info_with_first_pong;
