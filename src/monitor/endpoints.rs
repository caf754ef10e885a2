//! One function per path.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use tracing::warn;
use troupe_actors::report::ReportError;
use troupe_codecs::report::{
    AccountzOptions, AccstatzOptions, ConnzOptions, GatewayzOptions, HealthzOptions, IpqueueszOptions, JszOptions,
    Layout, LeafzOptions, RaftzOptions, RoutezOptions, SubszOptions,
};

use super::query::{Parameter, Query};
use super::{MonitorState, answer, metrics};

type State = web::Data<MonitorState>;

/// Adds the paths.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/varz", web::route().to(varz))
        .route("/connz", web::route().to(connz))
        .route("/subsz", web::route().to(subsz))
        .route("/subscriptionsz", web::route().to(subsz))
        .route("/routez", web::route().to(routez))
        .route("/gatewayz", web::route().to(gatewayz))
        .route("/leafz", web::route().to(leafz))
        .route("/accountz", web::route().to(accountz))
        .route("/accstatz", web::route().to(accstatz))
        .route("/jsz", web::route().to(jsz))
        .route("/healthz", web::route().to(healthz))
        .route("/ipqueuesz", web::route().to(ipqueuesz))
        .route("/raftz", web::route().to(raftz))
        .route("/stacksz", web::route().to(stacksz))
        .route("/debug/vars", web::route().to(variables))
        .route("/expvarz", web::route().to(variables))
        .route("/actorz", web::route().to(actorz))
        .route("/metrics", web::route().to(metrics::metrics));
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

async fn routez(state: State, request: HttpRequest) -> HttpResponse {
    let (subscriptions, subscriptions_detail) = match Query::parse(request.query_string()).subscriptions() {
        Ok(subscriptions) => subscriptions,
        Err(refusal) => return refusal,
    };
    state.reporter.count_request("/routez");
    answer::json(&state.reporter.routez(&RoutezOptions { subscriptions, subscriptions_detail }), Layout::Two)
}

async fn gatewayz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/gatewayz");
    match gatewayz_options(&Query::parse(request.query_string())) {
        Ok(options) => answer::json(&state.reporter.gatewayz(&options), Layout::Two),
        Err(refusal) => refusal,
    }
}

fn gatewayz_options(query: &Query<'_>) -> Parameter<GatewayzOptions> {
    let (subscriptions, subscriptions_detail) = query.subscriptions()?;
    let account_name = query.text("acc_name").to_owned();
    let accounts = query.boolean("accs")? || !account_name.is_empty();
    let name = query.text("gw_name").to_owned();
    Ok(GatewayzOptions { name, accounts, account_name, subscriptions, subscriptions_detail })
}

async fn leafz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/leafz");
    let query = Query::parse(request.query_string());
    match query.boolean("subs") {
        Ok(subscriptions) => {
            let options = LeafzOptions { subscriptions, account: query.text("acc").to_owned() };
            answer::json(&state.reporter.leafz(&options), Layout::Two)
        }
        Err(refusal) => refusal,
    }
}

async fn accountz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/accountz");
    let account = Query::parse(request.query_string()).text("acc").to_owned();
    match state.reporter.accountz(&AccountzOptions { account }) {
        Ok(accountz) => answer::json(&accountz, Layout::Two),
        Err(fault) => answer::bad_request(fault),
    }
}

async fn accstatz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/accstatz");
    match Query::parse(request.query_string()).boolean("unused") {
        Ok(include_unused) => {
            let options = AccstatzOptions { include_unused, ..AccstatzOptions::default() };
            answer::json(&state.reporter.accstatz(&options), Layout::Two)
        }
        Err(refusal) => refusal,
    }
}

async fn jsz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/jsz");
    let options = match jsz_options(&Query::parse(request.query_string())) {
        Ok(options) => options,
        Err(refusal) => return refusal,
    };
    match state.reporter.jsz(options).await {
        Ok(jsz) => answer::json(&jsz, Layout::Two),
        Err(fault) => answer::bad_request(fault),
    }
}

fn jsz_options(query: &Query<'_>) -> Parameter<JszOptions> {
    Ok(JszOptions {
        accounts: query.boolean("accounts")?,
        streams: query.boolean("streams")?,
        consumer: query.boolean("consumers")?,
        direct_consumer: query.boolean("direct-consumers")?,
        config: query.boolean("config")?,
        offset: query.integer("offset")?,
        limit: query.integer("limit")?,
        leader_only: query.boolean("leader-only")?,
        raft: query.boolean("raft")?,
        stream_leader_only: query.boolean("stream-leader-only")?,
        account: query.text("acc").to_owned(),
    })
}

async fn ipqueuesz(state: State, request: HttpRequest) -> HttpResponse {
    let query = Query::parse(request.query_string());
    match query.boolean("all") {
        Ok(all) => {
            let options = IpqueueszOptions { all, filter: query.text("queues").to_owned() };
            answer::json(&state.reporter.ipqueuesz(&options), Layout::Three)
        }
        Err(refusal) => refusal,
    }
}

async fn raftz(state: State, request: HttpRequest) -> HttpResponse {
    let query = Query::parse(request.query_string());
    let options = RaftzOptions { account: query.text("acc").to_owned(), group: query.text("group").to_owned() };
    match state.reporter.raftz(options).await {
        Ok(raftz) => answer::json(&raftz, Layout::Three),
        Err(fault @ ReportError::NoGroups) => answer::plain(StatusCode::NOT_FOUND, fault.to_string()),
        Err(fault) => answer::bad_request(fault),
    }
}

/// nats-server calls its text JSON here.
async fn stacksz(state: State) -> HttpResponse {
    answer::rendered(StatusCode::OK, state.reporter.stacks().into_bytes())
}

async fn variables(state: State) -> HttpResponse {
    answer::json(&state.reporter.variables(), Layout::Compact)
}

async fn actorz(state: State) -> HttpResponse {
    answer::json(&state.reporter.actorz(), Layout::Two)
}

async fn healthz(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/healthz");
    let options = match healthz_options(&Query::parse(request.query_string())) {
        Ok(options) => options,
        Err(refusal) => return refusal,
    };
    let mut health = state.reporter.healthz(&options).await;
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
