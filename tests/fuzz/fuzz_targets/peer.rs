//! The decoder of routes on any bytes: never a panic, what it reads does not depend on how the bytes are cut, and it keeps no
//! more than a line or a payload.
//!
//! The first byte is the size of the reads and whether the account is left out, the others are the stream.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use troupe_codecs::peer::{RouteDecoder, RouteFault};

const MAX_LINE: usize = 128;
const MAX_PAYLOAD: usize = 1024;
const MOST_KEPT: usize = "CONNECT".len() + MAX_LINE + MAX_PAYLOAD + 4;

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, stream)) = bytes.split_first() else { return };
    let has_account = first & 1 == 0;
    let whole = read(has_account, [stream]);
    assert_eq!(read(has_account, stream.chunks(usize::from(first).max(1))), whole);
    assert_eq!(read(has_account, stream.chunks(1)), whole);
});

/// The operations, with the text they stand for, and the first fault.
fn read<'a>(has_account: bool, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<RouteFault>) {
    let mut decoder = RouteDecoder::new(MAX_LINE, MAX_PAYLOAD);
    decoder.set_has_account(has_account);
    let mut buffer = BytesMut::new();
    let mut read = Vec::new();
    let mut largest_chunk = 0;
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        largest_chunk = largest_chunk.max(chunk.len());
        while let Some(batch) = decoder.decode(&mut buffer) {
            for op in &batch.ops {
                read.push(parts(op, &batch.bytes));
            }
            if batch.fault.is_some() {
                return (read, batch.fault);
            }
            decoder.recycle(batch.ops);
        }
    }
    assert!(buffer.len() <= MOST_KEPT + largest_chunk, "{} bytes kept", buffer.len());
    (read, None)
}

fn parts(op: &troupe_codecs::peer::PeerOp, bytes: &[u8]) -> String {
    use troupe_codecs::peer::PeerOp;
    match op {
        PeerOp::Message(message) => {
            assert!(message.header_len as usize <= message.payload.len());
            let queues: Vec<_> = message.queue_names(bytes).collect();
            let spans =
                [message.origin, message.account, message.subject, message.reply, message.sizes, message.payload];
            let tail = if message.is_verbatim { message.verbatim_tail().of(bytes) } else { b"" };
            format!("{:?} {queues:?} {tail:?}", spans.map(|span| span.of(bytes)))
        }
        PeerOp::Interest(op) | PeerOp::NoInterest(op) => {
            format!("{:?} {}", [op.origin, op.account, op.subject, op.queue].map(|span| span.of(bytes)), op.weight)
        }
        PeerOp::Connect(span) | PeerOp::Info(span) | PeerOp::Err(span) => format!("{:?}", span.of(bytes)),
        PeerOp::Ping | PeerOp::Pong | PeerOp::Ignored => format!("{op:?}"),
    }
}
