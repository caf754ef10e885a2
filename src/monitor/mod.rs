//! The HTTP monitor: turns a URL into a report request and a report into a response, nothing more.
//!
//! ```text
//! socket ── actix-web workers (threads of their own) ──> endpoints ── options ──> actors::report::Reporter
//!              ^ started, watched and stopped by [`actor`]     <── document, rendered as Go renders it
//! ```
//!
//! - [`actor`]: the supervised actor that owns the workers. [`endpoints`]: one function per path.
//! - [`dashboard`]: a page for people, with [`assets`]: its files, and [`feed`]: samples and events, once a second.
//! - [`metrics`]: figures for Prometheus. [`guard`]: who may come in.
//! - [`query`]: query strings as Go reads them. [`answer`]: responses with nats-server's headers. [`index`]: the front page.

mod actor;
mod answer;
mod assets;
mod dashboard;
mod endpoints;
mod feed;
mod guard;
mod index;
mod metrics;
mod query;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use actix_web::web;
use troupe_actors::auth::MonitorGate;
use troupe_actors::report::Reporter;

pub(crate) use actor::{Monitor, MonitorSettings};
pub(crate) use feed::Feed;

/// What every worker knows.
pub(crate) struct MonitorState {
    pub(crate) reporter: Arc<Reporter>,
    /// Who may come in.
    pub(crate) gate: MonitorGate,
    /// What happens.
    pub(crate) feed: Arc<Feed>,
    /// Path in front of every endpoint.
    pub(crate) prefix: String,
    /// Requests that are being answered.
    pub(crate) open_requests: Arc<AtomicUsize>,
}

/// Adds every path below `prefix`, which is empty or begins with a slash.
fn configure(config: &mut web::ServiceConfig, prefix: &str) {
    let paths = web::scope(prefix).configure(endpoints::configure).configure(dashboard::configure);
    let front_page = if prefix.is_empty() { "/" } else { prefix };
    config.route(front_page, web::route().to(index::page)).service(paths).default_service(web::to(answer::not_found));
}
