//! The dashboard: its page, its files, its table of connections and its events.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::stream;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use tokio::sync::broadcast::error::RecvError;
use troupe_codecs::report::Layout;
use troupe_codecs::report::table::TableOptions;

use super::assets::{self, DIGEST, RENDERED_PAGE};
use super::query::{Parameter, Query};
use super::{MonitorState, answer};

type State = web::Data<MonitorState>;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
/// An address with a digest never means anything else.
const FOR_GOOD: &str = "private, max-age=31536000, immutable";
/// Asked for each time, and answered in few bytes while nothing changed.
const ASK_EACH_TIME: &str = "private, no-cache";

/// Adds the paths.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/dashboard", web::route().to(page))
        .route("/dashboard/", web::route().to(without_slash))
        .route("/dashboard/connections", web::route().to(connections))
        .route("/dashboard/{digest}/{name}", web::route().to(file))
        .route("/eventsz", web::route().to(events));
}

async fn page(state: State, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/dashboard");
    let tag = format!("\"{}\"", *DIGEST);
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return guarded(&mut HttpResponse::NotModified()).insert_header((ETAG, tag)).finish();
    }
    guarded(&mut HttpResponse::Ok())
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, ASK_EACH_TIME))
        .content_type("text/html; charset=utf-8")
        .body(RENDERED_PAGE.as_str())
}

/// The page's addresses are relative to the directory it is in, so it has one name.
async fn without_slash() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "../dashboard")).finish()
}

async fn file(path: web::Path<(String, String)>) -> HttpResponse {
    let (digest, name) = path.into_inner();
    let Some(asset) = assets::asset(&name).filter(|_| digest == *DIGEST) else {
        return answer::not_found().await;
    };
    guarded(&mut HttpResponse::Ok())
        .insert_header((CACHE_CONTROL, FOR_GOOD))
        .content_type(asset.content_type())
        .body(asset.body)
}

fn guarded(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
}

async fn connections(state: State, request: HttpRequest) -> HttpResponse {
    match table_options(&Query::parse(request.query_string())) {
        Ok(options) => answer::json(&state.feed.connection_table(&options), Layout::Compact),
        Err(refusal) => refusal,
    }
}

fn table_options(query: &Query<'_>) -> Parameter<TableOptions> {
    let count = |key| query.unsigned(key).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    Ok(TableOptions {
        state: word(query, "state")?,
        sort: word(query, "sort")?,
        order: word(query, "order")?,
        text: query.text("match").to_owned(),
        acc: query.text("acc").to_owned(),
        offset: count("offset")?,
        limit: count("limit")?,
    })
}

/// One of a few words; the first one when absent.
fn word<T: Default + for<'de> Deserialize<'de>>(query: &Query<'_>, key: &str) -> Parameter<T> {
    let text = query.text(key);
    if text.is_empty() {
        return Ok(T::default());
    }
    let words: StrDeserializer<'_, ValueError> = text.into_deserializer();
    T::deserialize(words).map_err(|fault| answer::bad_request(format!("Error decoding '{key}': {fault}")))
}

/// A stream of events that ends with the server, or when its listener goes.
async fn events(state: State) -> HttpResponse {
    state.reporter.count_request("/eventsz");
    let Some(subscription) = state.feed.subscribe() else {
        return answer::plain(
            actix_web::http::StatusCode::SERVICE_UNAVAILABLE,
            "too many listeners, try again later".to_owned(),
        );
    };
    let first = Some(subscription.first);
    let events = stream::unfold((first, subscription.events), |(first, mut events)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, actix_web::Error>(first), (None, events)));
        }
        loop {
            match events.recv().await {
                Ok(event) => return Some((Ok(event), (None, events))),
                // It read too slowly: totals make up for what it missed.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies that collect answers must not collect this one.
        .insert_header(("X-Accel-Buffering", "no"))
        .content_type("text/event-stream")
        .streaming(Box::pin(events))
}

#[cfg(test)]
mod tests {
    use troupe_codecs::report::table::{TableOrder, TableSort, TableState};

    use super::*;

    #[test]
    fn the_table_is_asked_for_in_words() {
        let asked = |text| table_options(&Query::parse(text)).ok();
        let all =
            asked("state=closed&sort=rate_from&order=desc&match=a%20b&acc=A&offset=50&limit=25").expect("options");
        let expected = TableOptions {
            state: TableState::Closed,
            sort: TableSort::RateFrom,
            order: TableOrder::Desc,
            text: "a b".to_owned(),
            acc: "A".to_owned(),
            offset: 50,
            limit: 25,
        };
        assert_eq!(all, expected);
        assert_eq!(asked(""), Some(TableOptions::default()));
        for refused in ["sort=size", "order=up", "state=any", "offset=-1", "limit=x"] {
            assert!(asked(refused).is_none(), "{refused}");
        }
    }
}
