//! The monitor: every document beside nats-server's, parameters, authentication, TLS, metrics.

mod differences;
mod document;
mod http;
mod stage;
mod t10_actors;
mod t10_authentication;
mod t10_documents;
mod t10_jetstream;
mod t10_metrics;
mod t10_routes;
mod t30_decoders;
mod t30_parameters;
mod t50_crowd;
mod t50_life;
mod t50_tls;
