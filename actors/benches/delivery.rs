//! The publish pipeline: match, append to the batch of each destination, write to its socket.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::SystemRunner;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use troupe_actors::connection::writer::{WriteLimit, write_all};
use troupe_actors::connection::{BufferPool, Outbound};
use troupe_actors::net::{AcceptedSocket, RemoteAddress, Transport};
use troupe_actors::router::publish::PublisherSettings;
use troupe_actors::router::subscription::SubscriptionParts;
use troupe_actors::router::{
    AccountView, Accounts, Barrier, ChangeSet, ClientSink, Message, Origin, Publisher, Router, RouterHandle,
    Subscription,
};
use troupe_actors::supervisor::{ChildSpec, Supervisor, SupervisorHandle, SupervisorOptions};
use troupe_engine::options::{AccountLimits, GLOBAL_ACCOUNT};

/// Messages of one batch: what a read of small messages holds.
const BATCH: usize = 1000;
const MAX_PENDING: usize = 64 << 20;
const SUBJECT: &str = "bench.subject";

/// An account with its Router, and connections whose peers throw everything away.
struct Stage {
    router: RouterHandle,
    account: Arc<AccountView>,
    sinks: Vec<Arc<ClientSink>>,
    publisher: RefCell<Publisher>,
    /// Messages published so far.
    published: Cell<usize>,
    _supervisor: SupervisorHandle,
}

impl Stage {
    /// `num_subscribers` connections that subscribe to `subject`, in the group `queue` unless that is empty.
    async fn new(num_subscribers: usize, subject: &str, queue: &str) -> Self {
        let router = RouterHandle::default();
        let (supervisor, _verdicts) = Supervisor::start(SupervisorOptions::default());
        let handle = router.clone();
        let spec = ChildSpec::new("router", move |context| Router::new(context, handle.clone()));
        supervisor.supervise(spec).await.expect("the Router starts");
        let account = Accounts::default().configure(GLOBAL_ACCOUNT, AccountLimits::default());
        let pool = Rc::new(BufferPool::default());
        let settings = PublisherSettings { arbiter: 0, disable_cache: false };
        let publisher = RefCell::new(Publisher::new(settings, router.clone(), pool));
        let sinks = (0..num_subscribers as u64 + 1).map(sink).collect();
        let stage = Self { router, account, sinks, publisher, published: Cell::new(0), _supervisor: supervisor };
        stage.subscribe(subject, queue).await;
        stage
    }

    /// Subscribes every connection but the first, which publishes.
    async fn subscribe(&self, subject: &str, queue: &str) {
        let mut changes = ChangeSet::new(Arc::clone(&self.account));
        for sink in &self.sinks[1..] {
            let parts = SubscriptionParts {
                subject: subject.as_bytes(),
                queue: queue.as_bytes(),
                sid: b"1",
                is_filtered: false,
            };
            changes.added.push(Arc::new(Subscription::new(Arc::clone(sink), parts)));
        }
        let ticket = Arc::new(Barrier::default()).issue();
        changes.barrier = Some(ticket.clone());
        assert!(self.router.send(changes), "the Router takes the subscriptions");
        ticket.wait().await;
    }

    /// Publishes one batch with payloads of `size` bytes on `subjects` in turn, and waits where a destination is full.
    async fn publish(&self, subjects: &[String], payload: &Payload) {
        let origin = Origin { sink: Some(&self.sinks[0]), account: &self.account, echo: true, no_responders: false };
        let stalled = {
            let mut publisher = self.publisher.borrow_mut();
            publisher.begin(Some(&self.account));
            let first = self.published.replace(self.published.get() + BATCH);
            let delivered: usize = (first..first + BATCH)
                .map(|number| publisher.publish(origin, &payload.message(&subjects[number % subjects.len()])))
                .sum();
            assert!(delivered >= BATCH, "every message has a subscriber");
            publisher.flush(origin.sink)
        };
        if let Some(full) = stalled {
            full.wait_drained(Duration::from_secs(5)).await;
        }
    }
}

/// A connection whose peer is a thread that reads and counts nothing.
fn sink(cid: u64) -> Arc<ClientSink> {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    std::thread::spawn(move || {
        let mut buffer = vec![0; 256 * 1024];
        while matches!(theirs.read(&mut buffer), Ok(1..)) {}
    });
    let socket = AcceptedSocket::unix(ours).and_then(AcceptedSocket::register).expect("the runtime takes the socket");
    let (_, write) = Transport::from(socket).split();
    let sink = Arc::new(ClientSink::new(cid, RemoteAddress::Unix, Outbound::new(write, MAX_PENDING), 1));
    let writing = Arc::clone(&sink);
    let limit = WriteLimit { deadline: Duration::from_secs(10), is_for_all: false };
    actix::spawn(async move { write_all(writing.outbound(), limit).await });
    sink
}

/// A payload in its buffer, as a read leaves it.
struct Payload {
    buffer: Bytes,
    sizes: String,
}

impl Payload {
    fn new(size: usize) -> Self {
        let sizes = size.to_string();
        Self { buffer: format!("{sizes}\r\n{}\r\n", "x".repeat(size)).into(), sizes }
    }

    fn message<'a>(&'a self, subject: &'a str) -> Message<'a> {
        Message {
            subject: subject.as_bytes(),
            shown_subject: None,
            reply: b"",
            sizes: self.sizes.as_bytes(),
            payload: &self.buffer[self.sizes.len() + 2..],
            header_len: 0,
            has_headers: false,
            is_imported: false,
            has_crlf: true,
            verbatim_tail: Some(&self.buffer),
            buffer: Some(&self.buffer),
        }
    }
}

fn measure(
    criterion: &mut Criterion,
    system: &SystemRunner,
    name: BenchmarkId,
    stage: &Stage,
    (subjects, size, copies): (&[String], usize, usize),
) {
    let payload = Payload::new(size);
    let mut group = criterion.benchmark_group("deliver");
    group.throughput(Throughput::Elements((BATCH * copies) as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            system.block_on(async {
                let start = Instant::now();
                for _ in 0..iterations {
                    stage.publish(subjects, &payload).await;
                }
                start.elapsed()
            })
        });
    });
}

fn deliver(criterion: &mut Criterion) {
    let system = actix::System::new();
    let one = [SUBJECT.to_owned()];
    for (size, num_subscribers) in [(16, 1), (128, 1), (1024, 1), (16 * 1024, 1), (16, 10), (16, 100)] {
        let stage = system.block_on(Stage::new(num_subscribers, SUBJECT, ""));
        let name = BenchmarkId::new(format!("{size} B"), format!("1 to {num_subscribers}"));
        measure(criterion, &system, name, &stage, (&one, size, num_subscribers));
    }
    for members in [4, 100] {
        let stage = system.block_on(Stage::new(members, SUBJECT, "group"));
        measure(criterion, &system, BenchmarkId::new("queue", members), &stage, (&one, 16, 1));
    }
    // More subjects than the match cache has places.
    let many: Vec<String> = (0..100_000).map(|number| format!("bench.subject.{number}")).collect();
    let stage = system.block_on(Stage::new(1, "bench.subject.*", ""));
    measure(criterion, &system, BenchmarkId::new("unique subjects", 100_000), &stage, (&many, 16, 1));
}

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = settings(); targets = deliver);
criterion_main!(benches);
