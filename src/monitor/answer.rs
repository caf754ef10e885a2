//! Responses with nats-server's headers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;
use tracing::error;
use troupe_codecs::report::{Layout, render};

const PLAIN: &str = "text/plain; charset=utf-8";

/// A document.
pub(super) fn json(document: &impl Serialize, layout: Layout) -> HttpResponse {
    json_with(StatusCode::OK, document, layout)
}

/// A document under another status than 200.
pub(super) fn json_with(status: StatusCode, document: &impl Serialize, layout: Layout) -> HttpResponse {
    match render(document, layout) {
        Ok(body) => rendered(status, body),
        Err(cause) => {
            error!("Error marshaling response: {cause}");
            plain(StatusCode::INTERNAL_SERVER_ERROR, cause.to_string())
        }
    }
}

/// A document that is rendered already.
pub(super) fn rendered(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .content_type("application/json")
        .body(body)
}

/// A fault of the request.
pub(super) fn bad_request(text: impl ToString) -> HttpResponse {
    plain(StatusCode::BAD_REQUEST, text.to_string())
}

/// A text.
pub(super) fn plain(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status).content_type(PLAIN).body(text)
}

/// What unknown paths get.
pub(super) async fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(PLAIN)
        .body("404 page not found\n")
}
