//! The client decoder on reads of 64 KB.

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio_util::codec::Decoder;
use troupe_codecs::client::{ClientDecoder, ClientOp};

const READ: usize = 64 * 1024;
const MAX_CONTROL_LINE: usize = 4096;
const MAX_PAYLOAD: usize = 1 << 20;

/// As many copies of `op` as fit into a read, and how many these are.
fn read_of(op: &[u8]) -> (Vec<u8>, u64) {
    let count = (READ / op.len()).max(1);
    (op.repeat(count), count as u64)
}

fn publish(size: usize) -> Vec<u8> {
    [format!("PUB bench.subject {size}\r\n").as_bytes(), &vec![b'x'; size], b"\r\n"].concat()
}

fn cases() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("PUB 16", publish(16)),
        ("PUB 128", publish(128)),
        ("PUB 1024", publish(1024)),
        ("PUB reply 16", b"PUB bench.subject _INBOX.4567890123.12 16\r\n0123456789abcdef\r\n".to_vec()),
        ("HPUB 16", b"HPUB bench.subject 22 38\r\nNATS/1.0\r\nKey: ab\r\n\r\n 0123456789abcde\r\n".to_vec()),
        ("SUB", b"SUB orders.123.item.45678 45678\r\n".to_vec()),
        ("SUB and UNSUB", b"SUB _INBOX.4567890123.12 12\r\nUNSUB 12 1\r\n".to_vec()),
        ("PING", b"PING\r\n".to_vec()),
    ]
}

/// Decodes `input` cut into pieces of `cut` bytes, as they would come from a socket, and yields the number of operations.
fn decode(decoder: &mut ClientDecoder, spare: &mut Vec<ClientOp>, input: &[u8], cut: usize) -> usize {
    let mut buffer = BytesMut::with_capacity(READ);
    let mut num_ops = 0;
    for piece in input.chunks(cut) {
        buffer.extend_from_slice(piece);
        decoder.recycle(std::mem::take(spare));
        if let Ok(Some(mut batch)) = decoder.decode(&mut buffer) {
            assert!(batch.fault.is_none(), "the input is in order");
            num_ops += batch.ops.len();
            batch.ops.clear();
            *spare = batch.ops;
        }
    }
    num_ops
}

fn whole_reads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, op) in cases() {
        let (input, count) = read_of(&op);
        let mut decoder = ClientDecoder::new(MAX_CONTROL_LINE, MAX_PAYLOAD);
        let mut spare = Vec::new();
        assert_eq!(decode(&mut decoder, &mut spare, &input, READ), count as usize, "{name}: every operation is read");
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| decode(&mut decoder, &mut spare, black_box(&input), READ));
        });
    }
}

/// The same bytes in ever smaller pieces: what partial operations cost.
fn pieces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode PUB 128 in pieces");
    let (input, count) = read_of(&publish(128));
    group.throughput(Throughput::Elements(count));
    for cut in [4096, 1024, 100] {
        let mut decoder = ClientDecoder::new(MAX_CONTROL_LINE, MAX_PAYLOAD);
        let mut spare = Vec::new();
        group.bench_function(BenchmarkId::from_parameter(cut), |bencher| {
            bencher.iter(|| decode(&mut decoder, &mut spare, black_box(&input), cut));
        });
    }
}

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = settings(); targets = whole_reads, pieces);
criterion_main!(benches);
