//! The front page.

use std::fmt::Write as _;

use actix_web::{HttpResponse, web};

use super::MonitorState;
use crate::{COMPATIBLE_VERSION, TROUPE_VERSION};

/// Links of the page, and what they lead to.
const LINKS: &[(&str, &str)] = &[
    ("dashboard", "Dashboard"),
    ("metrics", "Metrics"),
    ("actorz", "Actors"),
    ("varz", "General"),
    ("jsz", "JetStream"),
    ("connz", "Connections"),
    ("accountz", "Accounts"),
    ("accstatz", "Account Stats"),
    ("subsz", "Subscriptions"),
    ("routez", "Routes"),
    ("leafz", "LeafNodes"),
    ("gatewayz", "Gateways"),
    ("raftz", "Raft Groups"),
    ("healthz", "Health Probe"),
    ("debug/vars", "Expvar"),
];

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>Troupe monitor</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem; line-height: 1.6 }
nav a { display: block; color: inherit; text-decoration: none }
nav a:hover, nav a:focus { text-decoration: underline }
nav code { opacity: .6; margin-left: .5rem }
</style>
</head>
<body>
";

/// The page with links to everything.
pub(super) async fn page(state: web::Data<MonitorState>) -> HttpResponse {
    state.reporter.count_request("/");
    let base = &state.prefix;
    let name = escaped(&state.reporter.services().info().server_name);
    let mut html = HEAD.to_owned();
    // Writing to a string cannot fail.
    let _ = write!(html, "<h1>{name}</h1>\n<p>nats-server {COMPATIBLE_VERSION}, troupe {TROUPE_VERSION}</p>\n<nav>\n");
    for (path, title) in LINKS {
        let _ = writeln!(html, "<a href=\"{base}/{path}\">{title}<code>/{path}</code></a>");
    }
    html.push_str("</nav>\n</body>\n</html>\n");
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
