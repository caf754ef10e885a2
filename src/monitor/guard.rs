//! `http_auth`: lets only those in who show what it asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::MonitorState;

/// What a browser shows when it asks for name and password.
const CHALLENGE: &str = "Basic realm=\"nats monitor\", charset=\"UTF-8\"";

/// Answers 401 to requests that show nothing, or the wrong thing. The options of the moment decide, so a reload counts.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let _open = request.app_data::<Data<MonitorState>>().map(|state| OpenRequest::new(&state.open_requests));
    if is_admitted(&request).await {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let refusal = HttpResponse::Unauthorized()
        .insert_header((WWW_AUTHENTICATE, CHALLENGE))
        .content_type("text/plain; charset=utf-8")
        .body("401 unauthorized\n");
    Ok(request.into_response(refusal).map_into_right_body())
}

/// A request, counted while it is being answered.
struct OpenRequest(Arc<AtomicUsize>);

impl OpenRequest {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn is_admitted(request: &ServiceRequest) -> bool {
    let Some(state) = request.app_data::<Data<MonitorState>>() else { return false };
    let options = state.reporter.services().options();
    let Some(auth) = &options.monitor.auth else { return true };
    if auth.public_healthz && request.path() == format!("{}/healthz", state.prefix) {
        return true;
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    state.gate.admits(auth, header).await
}
