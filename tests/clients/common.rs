//! What the client tests share: connecting, and waits that end.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::client::RequestErrorKind;
use async_nats::{Client, ConnectOptions, Event, Message, Subscriber};
use futures_util::StreamExt;
use troupe_tests::Server;
use troupe_tests::wait::PATIENCE;

/// Connects with default options.
pub(crate) async fn connect(server: &Server) -> Client {
    connect_with(server, ConnectOptions::new()).await
}

/// Connects with options of the test's own.
pub(crate) async fn connect_with(server: &Server, options: ConnectOptions) -> Client {
    within("connecting", options.connect(server.url())).await.expect("the server accepts the client")
}

/// Runs a future that must end soon.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("gave up after {PATIENCE:?}: {what}"),
    }
}

/// Returns when the server has handled everything the client sent before: `flush` only empties the client's buffer,
/// but the answer to a request nobody hears comes from the server.
pub(crate) async fn settle(client: &Client) {
    let error = within("a round trip", client.request("nobody.hears.this", "".into())).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

/// Takes the next message of a subscription.
pub(crate) async fn next(subscriber: &mut Subscriber) -> Message {
    within("the next message", subscriber.next()).await.expect("the subscription is open")
}

/// Takes `count` payloads of a subscription as texts.
pub(crate) async fn payloads(subscriber: &mut Subscriber, count: usize) -> Vec<String> {
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        texts.push(String::from_utf8_lossy(&next(subscriber).await.payload).into_owned());
    }
    texts
}

/// Counts events of one kind and lets a test wait for the next.
#[derive(Clone, Default)]
pub(crate) struct Events {
    seen: Arc<AtomicUsize>,
    changed: Arc<tokio::sync::Notify>,
}

impl Events {
    /// Makes `options` count the events for which `wanted` holds.
    pub(crate) fn count(options: ConnectOptions, wanted: fn(&Event) -> bool) -> (ConnectOptions, Self) {
        let events = Self::default();
        let counter = events.clone();
        let options = options.event_callback(move |event| {
            if wanted(&event) {
                counter.seen.fetch_add(1, Ordering::SeqCst);
                counter.changed.notify_one();
            }
            std::future::ready(())
        });
        (options, events)
    }

    /// Waits until the event has happened `count` times.
    pub(crate) async fn reached(&self, count: usize) {
        within("an event of the client", async {
            while self.seen.load(Ordering::SeqCst) < count {
                self.changed.notified().await;
            }
        })
        .await;
    }
}
