//! One function per path.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use tracing::warn;
use troupe_codecs::report::{ConnzOptions, HealthzOptions, Layout, SubszOptions};

use super::query::{Parameter, Query};
use super::{MonitorState, answer};

type State = web::Data<MonitorState>;

/// Adds the paths.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/varz", web::route().to(varz))
        .route("/connz", web::route().to(connz))
        .route("/subsz", web::route().to(subsz))
        .route("/subscriptionsz", web::route().to(subsz))
        .route("/healthz", web::route().to(healthz));
}

async fn varz(state: State) -> HttpResponse {
    state.reporter.count_request("/varz");
    answer::json(&state.reporter.varz(), Layout::Two)
}

async fn connz(state: State, request: HttpRequest) -> HttpResponse {
    let options = match connz_options(&Query::parse(request.query_string())) {
        Ok(options) => options,
        Err(refusal) => return refusal,
    };
    state.reporter.count_request("/connz");
    match state.reporter.connz(&options) {
        Ok(connz) => answer::json(&connz, Layout::Two),
        Err(fault) => answer::bad_request(fault),
    }
}

fn connz_options(query: &Query<'_>) -> Parameter<ConnzOptions> {
    let auth = query.boolean("auth")?;
    let (subscriptions, subscriptions_detail) = query.subscriptions()?;
    let acc = query.text("acc").to_owned();
    // nats-server takes this filter in requests over $SYS only; where it would have no account it is ignored here too.
    let filter_subject = if acc.is_empty() { "" } else { query.text("filter_subject") };
    Ok(ConnzOptions {
        sort: query.text("sort").to_owned(),
        auth,
        subscriptions,
        subscriptions_detail,
        offset: query.integer("offset")?,
        limit: query.integer("limit")?,
        cid: query.unsigned("cid")?,
        mqtt_client: query.text("mqtt_client").to_owned(),
        state: query.state()?,
        user: query.text("user").to_owned(),
        filter_subject: filter_subject.to_owned(),
        acc,
    })
}

async fn subsz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/subsz");
    let options = match subsz_options(&Query::parse(request.query_string())) {
        Ok(options) => options,
        Err(refusal) => return refusal,
    };
    match state.reporter.subsz(&options) {
        Ok(subsz) => answer::json(&subsz, Layout::Two),
        Err(fault) => answer::bad_request(fault),
    }
}

fn subsz_options(query: &Query<'_>) -> Parameter<SubszOptions> {
    Ok(SubszOptions {
        subscriptions: query.boolean("subs")?,
        offset: query.integer("offset")?,
        limit: query.integer("limit")?,
        account: query.text("acc").to_owned(),
        test: query.text("test").to_owned(),
    })
}

async fn healthz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/healthz");
    let options = match healthz_options(&Query::parse(request.query_string())) {
        Ok(options) => options,
        Err(refusal) => return refusal,
    };
    let mut health = state.reporter.healthz(&options);
    if !health.error.is_empty() {
        warn!("Healthcheck failed: {}", crate::text::quoted(&health.error));
    } else if !health.errors.is_empty() {
        warn!("Healthcheck failed: {} errors", health.errors.len());
    }
    let status = StatusCode::from_u16(std::mem::take(&mut health.status_code));
    answer::json_with(status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE), &health, Layout::Compact)
}

fn healthz_options(query: &Query<'_>) -> Parameter<HealthzOptions> {
    let js_enabled = query.boolean("js-enabled")?;
    if js_enabled {
        warn!("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
    }
    Ok(HealthzOptions {
        js_enabled,
        js_enabled_only: query.boolean("js-enabled-only")?,
        js_server_only: query.boolean("js-server-only")?,
        js_meta_only: query.boolean("js-meta-only")?,
        details: query.boolean("details")?,
        account: query.text("account").to_owned(),
        stream: query.text("stream").to_owned(),
        consumer: query.text("consumer").to_owned(),
    })
}
