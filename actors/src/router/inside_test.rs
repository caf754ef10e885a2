//! Messages to and from actors of the server itself.

use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use troupe_engine::options::{AccountLimits, GLOBAL_ACCOUNT};

use super::local::SeatPlan;
use super::subscription::SubscriptionParts;
use super::*;
use crate::connection::Outbound;
use crate::connection::writer::{WriteLimit, write_all};
use crate::net::{AcceptedSocket, RemoteAddress, Transport};
use crate::supervisor::{ChildSpec, Supervisor, SupervisorHandle, SupervisorOptions};

struct Stage {
    router: RouterHandle,
    account: Arc<AccountView>,
    local: Rc<ArbiterLocal>,
    _supervisor: SupervisorHandle,
}

impl Stage {
    async fn new() -> Self {
        let router = RouterHandle::default();
        let (supervisor, _verdicts) = Supervisor::start(SupervisorOptions::default());
        let handle = router.clone();
        let spec = ChildSpec::new("router", move |context| Router::new(context, handle.clone()));
        supervisor.supervise(spec).await.expect("the Router starts");
        let account = Accounts::default().configure(GLOBAL_ACCOUNT, AccountLimits::default());
        let local = arbiter_local(SeatPlan::new(1, 1).services(), &router, false);
        Self { router, account, local, _supervisor: supervisor }
    }

    async fn subscribe(&self, subscription: Subscription) -> Arc<Subscription> {
        let subscription = Arc::new(subscription);
        let ticket = self.router.subscribe_inside(&self.account, vec![Arc::clone(&subscription)]);
        ticket.expect("the Router takes it").wait().await;
        subscription
    }
}

/// A client connection and its peer.
fn client() -> (Arc<ClientSink>, tokio::net::UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let socket = AcceptedSocket::unix(ours).and_then(AcceptedSocket::register).expect("the runtime takes the socket");
    let (_, write) = Transport::from(socket).split();
    let total = SeatPlan::new(1, 1).services().total;
    let sink = Arc::new(ClientSink::new(1, RemoteAddress::Unix, Outbound::new(write, 1 << 20), total));
    let writing = Arc::clone(&sink);
    let limit = WriteLimit { deadline: Duration::from_secs(10), is_for_all: false };
    actix::spawn(async move { write_all(writing.outbound(), limit).await });
    theirs.set_nonblocking(true).expect("sockets can be");
    (sink, tokio::net::UnixStream::from_std(theirs).expect("the runtime takes the peer"))
}

/// Each test has a thread and so an arbiter of its own.
fn run(test: impl Future<Output = ()> + 'static) {
    actix::System::new().block_on(test);
}

#[test]
fn an_inbox_gets_what_is_published_until_it_unsubscribes() {
    run(async {
        let stage = Stage::new().await;
        let inbox = Inbox::new(1 << 20, Box::new(|batch| panic!("refused {batch:?}")));
        let subscription = stage.subscribe(Subscription::inside(Arc::clone(&inbox), b"orders.*", b"", 7)).await;
        let large = Bytes::from(vec![b'x'; 100_000]);
        let mut batch = stage.local.server_batch(&stage.account);
        let with_headers = Content::Parts(b"NATS/1.0\r\nA: b\r\n\r\n", b"first");
        let first = ServerMessage { to: b"orders.1", shown_subject: None, reply: b"answer", content: with_headers };
        assert_eq!(batch.publish(&first), 1);
        assert_eq!(
            batch.publish(&ServerMessage {
                content: Content::Piece { buffer: &large, content: &large, header_len: 0 },
                ..first
            }),
            1
        );
        assert_eq!(batch.publish(&ServerMessage::plain(b"other", b"nobody")), 0);
        assert!(batch.finish().is_none());

        let taken = inbox.consume().next().await.expect("the inbox is open");
        let messages: Vec<InboxMessage> = taken.iter().flat_map(InboxBatch::iter).collect();
        let [one, two] = &messages[..] else { panic!("two messages, not {messages:?}") };
        assert_eq!((one.tag, one.subject(), one.reply()), (7, &b"orders.1"[..], &b"answer"[..]));
        assert_eq!((one.headers(), one.payload()), (&b"NATS/1.0\r\nA: b\r\n\r\n"[..], &b"first"[..]));
        assert_eq!(two.content().as_ptr(), large.as_ptr(), "a large payload is shared, not copied");
        inbox.commit(taken).expect("nobody else consumes");
        assert_eq!(inbox.depth().num_bytes, 0);

        let ticket = stage.router.unsubscribe_inside(&stage.account, vec![subscription]);
        ticket.expect("the Router takes it").wait().await;
        assert!(!stage.account.has_interest(b"orders.1"));
    });
}

#[test]
fn a_full_inbox_refuses_and_a_restarted_consumer_gets_the_rest_again() {
    run(async {
        let stage = Stage::new().await;
        let refused = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&refused);
        let count = move |batch: InboxBatch| {
            counter.fetch_add(batch.len() as u64, Ordering::Relaxed);
        };
        let inbox = Inbox::new(1000, Box::new(count));
        stage.subscribe(Subscription::inside(Arc::clone(&inbox), b"x", b"", 0)).await;
        for _ in 0..3 {
            let mut batch = stage.local.server_batch(&stage.account);
            batch.publish(&ServerMessage::plain(b"x", &[b'y'; 400]));
            let stalled = batch.finish();
            assert!(matches!(stalled, Some(Stalled::Inbox(_))), "publishers wait for a well filled inbox");
        }
        assert_eq!((refused.load(Ordering::Relaxed), inbox.num_refused()), (1, 1));
        let first = inbox.consume().next().await.expect("the inbox is open");
        assert_eq!(first.len(), 2);
        let again = inbox.consume().next().await.expect("the inbox is open");
        assert_eq!(again.len(), 2, "what was not committed comes again");
        assert!(inbox.commit(first).is_err(), "the former consumer is fenced");
        inbox.commit(again).expect("the new one is not");
        Stalled::Inbox(inbox).wait_drained(Duration::from_secs(5)).await;
    });
}

/// Answers everything with tag 7, and counts it.
struct Counter(Arc<AtomicU64>);

impl inbox::Desk for Counter {
    fn knows(&self, tag: u32) -> bool {
        tag == 7
    }

    fn answer(&self, _: &ArbiterLocal, batch: &InboxBatch) -> bool {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        true
    }
}

#[test]
fn a_desk_answers_while_nothing_waits_for_the_actor() {
    run(async {
        let stage = Stage::new().await;
        let answered = Arc::new(AtomicU64::new(0));
        let on_full: inbox::OnFull = Box::new(|batch| panic!("refused {batch:?}"));
        let inbox = Inbox::of_stream("s".into(), 0, 1 << 20, (on_full, Box::new(Counter(Arc::clone(&answered)))));
        stage.subscribe(Subscription::inside(Arc::clone(&inbox), b"store", b"", 0)).await;
        stage.subscribe(Subscription::inside(Arc::clone(&inbox), b"ask", b"", 7)).await;
        let publish = |subjects: &[&str]| {
            let mut batch = stage.local.server_batch(&stage.account);
            for subject in subjects {
                batch.publish(&ServerMessage::plain(subject.as_bytes(), b"x"));
            }
            batch.finish();
        };
        let figures = || (answered.load(Ordering::Relaxed), inbox.depth().num_pending);

        publish(&["ask", "ask"]);
        assert_eq!(figures(), (0, 0), "the publisher's thread has its turn first");
        tokio::task::yield_now().await;
        assert_eq!(figures(), (2, 0));
        publish(&["ask", "store"]);
        tokio::task::yield_now().await;
        assert_eq!(figures(), (2, 1), "what comes with other messages stays in order with them");
        publish(&["ask"]);
        tokio::task::yield_now().await;
        assert_eq!(figures(), (2, 2), "something waits: this waits, too");
    });
}

#[test]
fn a_client_sees_the_shown_subject() {
    run(async {
        let stage = Stage::new().await;
        let (sink, mut peer) = client();
        sink.set_takes_headers(true);
        let parts = SubscriptionParts { subject: b"_INBOX.1", queue: b"", sid: b"9", is_filtered: false };
        stage.subscribe(Subscription::new(Arc::clone(&sink), parts)).await;
        let stored = Bytes::from_static(b"NATS/1.0\r\n\r\nhello");
        let mut batch = stage.local.server_batch(&stage.account);
        let message = ServerMessage {
            to: b"_INBOX.1",
            shown_subject: Some(b"orders.new"),
            reply: b"$JS.ACK.1",
            content: Content::Piece { buffer: &stored, content: &stored, header_len: 12 },
        };
        assert_eq!(batch.publish(&message), 1);
        assert_eq!(batch.publish(&ServerMessage::plain(b"_INBOX.1", b"")), 1);
        drop(batch);
        let expected = "HMSG orders.new 9 $JS.ACK.1 12 17\r\nNATS/1.0\r\n\r\nhello\r\nMSG _INBOX.1 9 0\r\n\r\n";
        let mut bytes = vec![0; expected.len()];
        peer.read_exact(&mut bytes).await.expect("the message arrives");
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    });
}
