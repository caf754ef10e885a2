//! The decoder of the client protocol on any bytes: never a panic, what it reads does not depend on how the bytes are cut,
//! and it keeps no more than a line or a payload.
//!
//! The first byte is the size of the reads, the others are the stream.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder;
use troupe_codecs::client::{ClientDecoder, ClientOp, ProtocolFault, Span};

const MAX_CONTROL_LINE: usize = 128;
const MAX_PAYLOAD: usize = 1024;
/// A publish line and a payload with both line ends.
const MOST_KEPT: usize = "HPUB ".len() + MAX_CONTROL_LINE + MAX_PAYLOAD + 4;

fuzz_target!(|bytes: &[u8]| {
    let Some((&size, stream)) = bytes.split_first() else { return };
    let whole = read([stream]);
    assert_eq!(read(stream.chunks(usize::from(size).max(1))), whole);
    assert_eq!(read(stream.chunks(1)), whole);
});

/// What the decoder makes of a stream that comes in `chunks`, up to the first fault.
fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolFault>) {
    let mut decoder = ClientDecoder::new(MAX_CONTROL_LINE, MAX_PAYLOAD);
    let mut buffer = BytesMut::new();
    let mut read = Vec::new();
    let mut largest_chunk = 0;
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        largest_chunk = largest_chunk.max(chunk.len());
        let Some(batch) = decoder.decode(&mut buffer).expect("decoding has no I/O") else { continue };
        read.extend(batch.ops.iter().map(|op| parts(op, &batch.bytes)));
        if batch.fault.is_some() {
            return (read, batch.fault);
        }
        decoder.recycle(batch.ops);
    }
    // Blanks before an argument are kept where one read brought them all.
    assert!(buffer.len() <= MOST_KEPT + largest_chunk, "{} bytes kept", buffer.len());
    (read, None)
}

/// The parts of an operation, with its kind as the first.
fn parts(op: &ClientOp, bytes: &[u8]) -> Vec<Vec<u8>> {
    let part = |span: Span| span.of(bytes).to_vec();
    match op {
        ClientOp::Connect(json) => vec![b"CONNECT".to_vec(), part(*json)],
        ClientOp::Info(json) => vec![b"INFO".to_vec(), part(*json)],
        ClientOp::Err(text) => vec![b"ERR".to_vec(), part(*text)],
        ClientOp::Ping => vec![b"PING".to_vec()],
        ClientOp::Pong => vec![b"PONG".to_vec()],
        ClientOp::Ok => vec![b"OK".to_vec()],
        ClientOp::Subscribe(sub) => vec![b"SUB".to_vec(), part(sub.subject), part(sub.queue), part(sub.sid)],
        ClientOp::Unsubscribe(unsub) => {
            vec![b"UNSUB".to_vec(), part(unsub.sid), format!("{:?}", unsub.max).into_bytes()]
        }
        ClientOp::Publish(publish) => {
            assert!(publish.header_len as usize <= publish.payload.len());
            let flags = format!("{} {} {}", publish.header_len, publish.has_headers, publish.is_verbatim);
            let tail = if publish.is_verbatim { part(publish.verbatim_tail()) } else { Vec::new() };
            let spans = [publish.subject, publish.reply, publish.sizes, publish.payload].map(part);
            [b"PUB".to_vec(), flags.into_bytes(), tail].into_iter().chain(spans).collect()
        }
    }
}
