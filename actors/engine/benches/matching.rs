//! The subscription index: changing it between snapshots, and matching against it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use troupe_engine::index::{Index, Matches, SubscriptionFacts};

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Changes between two snapshots: about what one read of a subscribing client holds.
const BATCH: usize = 1_000;

#[derive(Debug)]
struct Subscription {
    id: u64,
    subject: Box<[u8]>,
}

impl SubscriptionFacts for Subscription {
    fn id(&self) -> u64 {
        self.id
    }

    fn subject(&self) -> &[u8] {
        &self.subject
    }

    fn queue(&self) -> Option<&[u8]> {
        None
    }
}

type Shared = Arc<Subscription>;

fn literal(number: usize) -> String {
    format!("orders.{}.item.{number}", number % 1000)
}

fn pattern(number: usize) -> String {
    format!("orders.{number}.*.state")
}

fn subscriptions(count: usize, subject: fn(usize) -> String, first: usize) -> Vec<Shared> {
    let make = |number| Arc::new(Subscription { id: number as u64, subject: subject(number).into_bytes().into() });
    (first..first + count).map(make).collect()
}

fn insert(index: &mut Index<Shared>, subscriptions: &[Shared]) {
    assert!(subscriptions.iter().all(|subscription| index.insert(Arc::clone(subscription))), "all are new");
}

fn index_of(subscriptions: &[Shared]) -> Index<Shared> {
    let mut index = Index::default();
    insert(&mut index, subscriptions);
    index
}

/// A batch of new subscriptions while the last snapshot is still read, then their end.
fn change(criterion: &mut Criterion) {
    for (kind, subject) in [("literals", literal as fn(usize) -> String), ("patterns", pattern)] {
        let mut group = criterion.benchmark_group(format!("insert and remove/{kind}"));
        group.throughput(Throughput::Elements(2 * BATCH as u64));
        for size in SIZES {
            let index = index_of(&subscriptions(size, subject, 0));
            let added = subscriptions(BATCH, subject, size);
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter_batched(
                    || index.clone(),
                    |mut changed| {
                        insert(&mut changed, &added);
                        let snapshot = changed.clone();
                        assert!(added.iter().all(|subscription| changed.remove(subscription)), "all were there");
                        (changed, snapshot)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

/// Subscribing from nothing, with a snapshot after each batch.
fn grow(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("grow");
    for size in [10_000, 100_000] {
        let all = subscriptions(size, literal, 0);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let mut index = Index::default();
                let mut published = index.clone();
                for batch in all.chunks(BATCH) {
                    insert(&mut index, batch);
                    published = index.clone();
                }
                (index, published)
            });
        });
    }
}

/// A look-up of a different subject each time.
fn collect(criterion: &mut Criterion) {
    for kind in ["literals", "patterns"] {
        let mut group = criterion.benchmark_group(format!("collect/{kind}"));
        group.throughput(Throughput::Elements(1));
        for size in SIZES {
            let is_literal = kind == "literals";
            let index = index_of(&subscriptions(size, if is_literal { literal } else { pattern }, 0));
            let probe = |place: usize| if is_literal { literal(place) } else { format!("orders.{place}.paid.state") };
            // A multiplier without common factors walks over the subjects in no simple order.
            let probes: Vec<String> = (0..10_000).map(|number| probe(number * 7919 % size)).collect();
            let mut matches = Matches::default();
            let mut next = 0;
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter(|| {
                    next = (next + 1) % probes.len();
                    matches.clear();
                    index.collect(black_box(probes[next].as_bytes()), &mut matches);
                    matches.len()
                });
            });
        }
    }
}

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = settings(); targets = change, grow, collect);
criterion_main!(benches);
