//! INFO of this server, as other servers get it.

use troupe_codecs::peer::info::{RouteInfo, SubjectLists};
use troupe_codecs::peer::{RouteConnect, encoder};
use troupe_engine::options::{RouteUrl, SubjectPermission};
use troupe_engine::route::CompressionMode;

use super::RouteServices;

/// Version of the protocol between servers: it knows message tracing.
pub(super) const PROTOCOL: i64 = 3;

/// What INFO says of one connection.
#[derive(Clone, Debug, Default)]
pub struct InfoFacts {
    /// The one account it is for.
    pub account: Option<String>,
    /// Place in the pool.
    pub pool_idx: usize,
    /// Mode of compression, where it is not the configured one.
    pub compression: Option<CompressionMode>,
    /// How the news of this server may be passed on.
    pub gossip_mode: u8,
}

/// INFO of this server for one connection.
#[must_use]
pub fn own_info(services: &RouteServices, facts: &InfoFacts) -> RouteInfo {
    let options = services.options();
    let cluster = &options.cluster;
    let name = services.cluster();
    let (host, port, ip) = reached_at(services);
    let shown = match (cluster.compression.mode, facts.compression) {
        (CompressionMode::S2Auto, Some(_)) => CompressionMode::S2Auto,
        (configured, mode) => mode.unwrap_or(configured),
    };
    let lists = |permission: &SubjectPermission| SubjectLists {
        allow: permission.allow.clone().unwrap_or_default(),
        deny: permission.deny.clone(),
    };
    let permissions = cluster.permissions.as_ref();
    RouteInfo {
        server_id: services.parts.id.clone(),
        server_name: services.parts.name.clone(),
        version: services.parts.version.clone(),
        proto: PROTOCOL,
        go: services.parts.go.clone(),
        host,
        port,
        headers: !options.no_header_support,
        auth_required: cluster.username.is_some(),
        tls_required: cluster.tls.is_some(),
        tls_verify: cluster.tls.is_some(),
        max_payload: i64::try_from(options.limits.max_payload).unwrap_or(i64::MAX),
        ip,
        nonce: troupe_engine::id::nonce(),
        cluster: name.name,
        cluster_dynamic: name.is_dynamic,
        connect_urls: if cluster.no_advertise { Vec::new() } else { services.parts.client_urls.clone() },
        ldm: services.is_lame_duck(),
        compression: shown.text().to_owned(),
        import: permissions.and_then(|own| own.publish.as_ref()).map(lists),
        export: permissions.and_then(|own| own.subscribe.as_ref()).map(lists),
        lnoc: true,
        lnocu: true,
        route_pool_size: cluster.pool_size.max(0),
        route_pool_idx: i64::try_from(facts.pool_idx).unwrap_or(0),
        route_account: facts.account.clone().unwrap_or_default(),
        gossip_mode: facts.gossip_mode,
        ..RouteInfo::default()
    }
}

/// Host, port and URL under which others reach this server; no URL where the host need not be told.
fn reached_at(services: &RouteServices) -> (String, u16, String) {
    let options = services.options();
    let cluster = &options.cluster;
    let Some(advertise) = &cluster.advertise else { return (cluster.host.clone(), services.port(), String::new()) };
    let url = RouteUrl::parse(&format!("nats-route://{advertise}"));
    let (host, port) = url.map_or_else(|| (advertise.clone(), None), |url| (url.host, url.port));
    let port = port.unwrap_or(services.port());
    let url = format!("nats-route://{}/", joined(&host, port));
    (host, port, url)
}

/// `host:port`, an IPv6 address in brackets.
#[must_use]
pub fn joined(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// CONNECT of this server for a connection to `url`.
#[must_use]
pub fn own_connect(services: &RouteServices, url: &RouteUrl) -> RouteConnect {
    let name = services.cluster();
    let options = services.options();
    RouteConnect {
        echo: true,
        user: url.user.clone().unwrap_or_default(),
        pass: url.password.as_ref().map(|password| password.expose().to_owned()).unwrap_or_default(),
        tls_required: options.cluster.tls.is_some(),
        headers: !options.no_header_support,
        name: services.parts.id.clone(),
        cluster: name.name,
        cluster_dynamic: name.is_dynamic,
        lnoc: true,
        ..RouteConnect::default()
    }
}

/// Whether the server behind `info` is of the same kind as this one, by what they are built with: `go1.27.2`, `rust-0.1.0`.
#[must_use]
pub fn is_alike(services: &RouteServices, info: &RouteInfo) -> bool {
    let kind = |go: &str| go.split_once('-').map(|(kind, _)| kind.to_owned());
    kind(&services.parts.go).is_some_and(|own| kind(&info.go) == Some(own))
}

/// The INFO line.
#[must_use]
pub fn info_line(info: &RouteInfo) -> Vec<u8> {
    let mut line = Vec::with_capacity(512);
    encoder::info(&mut line, info);
    line
}
