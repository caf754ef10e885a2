//! `http_auth`: lets only those in who show what it asks for.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use tokio::net::TcpStream;
use troupe_actors::net::tls::PeerCertificate;

use super::MonitorState;

/// What a browser shows when it asks for name and password.
const CHALLENGE: &str = "Basic realm=\"nats monitor\", charset=\"UTF-8\"";

/// Answers 401 to requests that show nothing, or the wrong thing. The options of the moment decide, so a reload counts.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !is_vouched_for(&request).await {
        let refusal = HttpResponse::Forbidden()
            .content_type("text/plain; charset=utf-8")
            .body("403 the client's certificate is not OCSP valid\n");
        return Ok(request.into_response(refusal).map_into_right_body());
    }
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

/// The certificates a client of the monitor showed.
struct Shown(Vec<PeerCertificate>);

/// Keeps what a client showed in its handshake, for the requests of its connection.
pub(super) fn note_certificates(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() else { return };
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    data.insert(Shown(shown.iter().cloned().map(PeerCertificate::new).collect()));
}

/// Whether the authorities that are asked about clients' certificates vouch for this one, too.
async fn is_vouched_for(request: &ServiceRequest) -> bool {
    let (Some(state), Some(shown)) = (request.app_data::<Data<MonitorState>>(), request.conn_data::<Shown>()) else {
        return true;
    };
    let services = state.reporter.services();
    let options = services.options();
    let has_own_authorities = options.monitor.auth.as_ref().is_some_and(|auth| auth.verify && auth.ca_file.is_some());
    if has_own_authorities {
        return true;
    }
    let (Some(tls), Some(cache)) = (services.tls().map(|tls| tls.load()), services.ocsp_cache()) else { return true };
    match tls.peer_check() {
        Some(check) => check.judge(&shown.0, &cache).await.is_valid,
        // As nats-server: only where authorities are asked about clients, they are asked about the monitor's, too.
        None => true,
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
