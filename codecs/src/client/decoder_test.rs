//! What the decoder reads, written as text: one line per operation, `!` before a fault.

use proptest::prelude::*;

use super::*;

const MAX_LINE: usize = 64;
const MAX_PAYLOAD: usize = 1000;

/// Decodes `stream` as if each chunk were one read, up to the first fault.
fn decode_chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, BytesMut) {
    let mut decoder = ClientDecoder::new(MAX_LINE, MAX_PAYLOAD);
    let mut buffer = BytesMut::new();
    let mut read = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        let Some(batch) = decoder.decode(&mut buffer).expect("decoding has no I/O") else { continue };
        read.extend(batch.ops.iter().map(|op| describe(op, &batch.bytes)));
        if let Some(fault) = batch.fault {
            read.push(format!("! {fault:?}"));
            break;
        }
        decoder.recycle(batch.ops);
    }
    (read, buffer)
}

fn decode(stream: &[u8]) -> Vec<String> {
    decode_chunks([stream]).0
}

fn describe(op: &ClientOp, bytes: &[u8]) -> String {
    let text = |span: Span| span.of(bytes).escape_ascii().to_string();
    match op {
        ClientOp::Connect(json) => format!("CONNECT {}", text(*json)),
        ClientOp::Info(json) => format!("INFO {}", text(*json)),
        ClientOp::Err(words) => format!("ERR {}", text(*words)),
        ClientOp::Ping => "PING".to_owned(),
        ClientOp::Pong => "PONG".to_owned(),
        ClientOp::Ok => "OK".to_owned(),
        ClientOp::Subscribe(sub) => format!("SUB {} [{}] {}", text(sub.subject), text(sub.queue), text(sub.sid)),
        ClientOp::Unsubscribe(unsub) => format!("UNSUB {} {:?}", text(unsub.sid), unsub.max),
        ClientOp::Publish(publish) => describe_publish(publish, bytes),
    }
}

fn describe_publish(publish: &PublishOp, bytes: &[u8]) -> String {
    let text = |span: Span| span.of(bytes).escape_ascii().to_string();
    let headers = if publish.has_headers { format!(" headers={}", publish.header_len) } else { String::new() };
    let verbatim = if publish.is_verbatim { " =" } else { "" };
    if publish.is_verbatim {
        assert_verbatim(publish, bytes);
    }
    let (subject, reply, payload) = (text(publish.subject), text(publish.reply), text(publish.payload));
    format!("PUB {subject} [{reply}]{headers} {payload}{verbatim}")
}

/// What may be copied in one piece must be what a `MSG` line needs behind the subscription id.
fn assert_verbatim(publish: &PublishOp, bytes: &[u8]) {
    let mut expected = Vec::new();
    if !publish.reply.is_empty() {
        expected.extend_from_slice(publish.reply.of(bytes));
        expected.push(b' ');
    }
    let total = publish.payload.len();
    let sizes = String::from_utf8_lossy(publish.sizes.of(bytes)).into_owned();
    let words: Vec<usize> = sizes.split(' ').map(|size| size.parse().unwrap()).collect();
    let announced = if publish.has_headers { vec![publish.header_len as usize, total] } else { vec![total] };
    assert_eq!(words, announced, "sizes {sizes:?}");
    expected.extend_from_slice(sizes.as_bytes());
    expected.extend_from_slice(b"\r\n");
    expected.extend_from_slice(publish.payload.of(bytes));
    expected.extend_from_slice(b"\r\n");
    assert_eq!(publish.verbatim_tail().of(bytes), expected);
}

/// Streams with what nats-server reads in them.
const READABLE: &[(&[u8], &[&str])] = &[
    (b"PING\r\nPONG\r\n+OK\r\n", &["PING", "PONG", "OK"]),
    (b"ping\npOnG\n", &["PING", "PONG"]),
    (b"PINGxyz \t 1\r\nPING\r\r\r\n", &["PING", "PING"]),
    (b"CONNECT {\"a\":1}\r\n", &["CONNECT {\\\"a\\\":1}"]),
    (b"connect{}\r\nCONNECT\t{}\n", &["CONNECT {}", "CONNECT {}"]),
    (b"CONNECT {} \r\nCONNECT \n\n", &["CONNECT {} ", "CONNECT \\n"]),
    (b"INFO {}\r\n-ERR 'no'\r\n", &["INFO {}", "ERR \\'no\\'"]),
    (b"SUB foo 1\r\nSUB foo bar 2\r\n", &["SUB foo [] 1", "SUB foo [bar] 2"]),
    (b"sub\tfoo \t 1 \n", &["SUB foo [] 1"]),
    (b"UNSUB 1\r\nUNSUB 1 5\r\n", &["UNSUB 1 None", "UNSUB 1 Some(5)"]),
    (b"UNSUB 1 0\r\nUNSUB 1 x\r\nUNSUB 1 -1\r\n", &["UNSUB 1 None", "UNSUB 1 None", "UNSUB 1 None"]),
    (b"PUB foo 2\r\nhi\r\n", &["PUB foo [] hi ="]),
    (b"PUB foo bar 2\r\nhi\r\n", &["PUB foo [bar] hi ="]),
    (b"PUB foo 0\r\n\r\n", &["PUB foo []  ="]),
    (b"PUB foo 4\r\n\r\n\r\n\r\n", &["PUB foo [] \\r\\n\\r\\n ="]),
    (b"pub foo 2\r\nhi\r\n", &["PUB foo [] hi ="]),
    (b"PUB  foo\tbar 2\r\nhi\r\n", &["PUB foo [bar] hi ="]),
    (b"PUB foo bar  2\r\nhi\r\n", &["PUB foo [bar] hi"]),
    (b"PUB foo bar 2 \r\nhi\r\n", &["PUB foo [bar] hi"]),
    (b"PUB foo 2\nhi\r\n", &["PUB foo [] hi"]),
    (b"PUB foo 002\r\nhi\r\n", &["PUB foo [] hi ="]),
    (b"PUB foo 6\r\nPING\r\n\r\nPING\r\n", &["PUB foo [] PING\\r\\n =", "PING"]),
    (b"HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", &["PUB foo [] headers=12 NATS/1.0\\r\\n\\r\\nhi ="]),
    (b"HPUB foo bar 2 2\r\nhi\r\n", &["PUB foo [bar] headers=2 hi ="]),
    (b"hpub foo bar 0  2\nhi\r\n", &["PUB foo [bar] headers=0 hi"]),
];

/// Streams that cannot be read to their end, with the operations before the fault.
const FAULTY: &[(&[u8], &[&str])] = &[
    (b"PING\r\nFOO\r\n", &["PING", "! UnknownOperation"]),
    (b"\r\n", &["! UnknownOperation"]),
    (b"PUBX foo 1\r\n", &["! UnknownOperation"]),
    (b"PUB\r\n", &["! UnknownOperation"]),
    (b"MSG foo 1 1\r\n", &["! UnknownOperation"]),
    (b"PUB foo 2\r\nhi\n\n", &["! UnknownOperation"]),
    (b"PUB foo 2\r\nhi!", &["! UnknownOperation"]),
    (b"PUB foo 2\r\nhi\rX", &["! UnknownOperation"]),
    (b"PING\r\nPUB foo 1\r\nx\r\nPUB foo 1\r\nxx\r\n", &["PING", "PUB foo [] x =", "! UnknownOperation"]),
    (b"PUB foo\r\n", &["! BadArguments"]),
    (b"PUB a b c 1\r\n", &["! BadArguments"]),
    (b"PUB foo x\r\n", &["! BadArguments"]),
    (b"PUB foo -1\r\n", &["! BadArguments"]),
    (b"PUB foo +1\r\n", &["! BadArguments"]),
    (b"PUB foo 1000000000\r\n", &["! BadArguments"]),
    (b"PUB foo 5368709120\r\n", &["! BadArguments"]),
    (b"PUB foo 1001\r\n", &["! PayloadExceeded(1001)"]),
    (b"PUB foo 999999999\r\n", &["! PayloadExceeded(999999999)"]),
    (b"HPUB foo 1\r\n", &["! BadArguments"]),
    (b"HPUB foo 3 2\r\n", &["! BadArguments"]),
    (b"HPUB foo x 2\r\n", &["! BadArguments"]),
    (b"HPUB foo 1 1001\r\n", &["! PayloadExceeded(1001)"]),
    (b"SUB foo\r\n", &["! BadArguments"]),
    (b"SUB a b c d\r\n", &["! BadArguments"]),
    (b"UNSUB 1 2 3\r\n", &["! BadArguments"]),
    (b"SUB foo 1\r\nSUB \r\r\n", &["SUB foo [] 1", "! BadArguments"]),
];

#[test]
fn reads_what_nats_server_reads() {
    for (stream, expected) in READABLE {
        assert_eq!(decode(stream), *expected, "{}", stream.escape_ascii());
    }
}

#[test]
fn faults_come_behind_the_operations_before_them() {
    for (stream, expected) in FAULTY {
        assert_eq!(decode(stream), *expected, "{}", stream.escape_ascii());
    }
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    for (stream, expected) in READABLE.iter().chain(FAULTY) {
        for cut in 0..stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(decode_chunks([first, second]).0, *expected, "{} at {cut}", stream.escape_ascii());
        }
        assert_eq!(decode_chunks(stream.chunks(1)).0, *expected, "{} byte by byte", stream.escape_ascii());
    }
}

#[test]
fn a_line_may_be_as_long_as_the_limit() {
    for line_end in ["\r\n", "\n"] {
        let longest = format!("SUB {} 1{line_end}", "x".repeat(MAX_LINE - 2));
        let over = format!("SUB {} 1{line_end}", "x".repeat(MAX_LINE - 1));
        assert_eq!(decode(longest.as_bytes()).len(), 1);
        assert_eq!(decode(over.as_bytes()), ["! ControlLineExceeded"]);
        for chunk_size in [1, MAX_LINE + 4, MAX_LINE + 5, MAX_LINE + 6] {
            let (read, _) = decode_chunks(longest.as_bytes().chunks(chunk_size));
            assert!(read[0].starts_with("SUB xx"), "{line_end:?} in chunks of {chunk_size}: {read:?}");
            let (read, _) = decode_chunks(over.as_bytes().chunks(chunk_size));
            assert_eq!(read, ["! ControlLineExceeded"], "{line_end:?} in chunks of {chunk_size}");
        }
    }
}

#[test]
fn an_endless_line_is_refused_before_its_end() {
    let stream = format!("CONNECT {{{}", "x".repeat(MAX_LINE));
    assert_eq!(decode(stream.as_bytes()), ["! ControlLineExceeded"]);
}

#[test]
fn what_stands_behind_ping_is_not_kept() {
    let garbage = vec![b'x'; 100_000];
    let (read, left) = decode_chunks([&b"PING"[..], &garbage, &garbage]);
    assert!(read.is_empty() && left.is_empty(), "{} bytes kept", left.len());
    let (read, left) = decode_chunks([&b"PING"[..], &garbage, b"\nPONG\r\n"]);
    assert_eq!(read, ["PING", "PONG"]);
    assert!(left.is_empty());
}

#[test]
fn endless_blanks_are_not_kept() {
    let blanks = vec![b' '; 100_000];
    for verb in ["PUB ", "SUB\t", "CONNECT"] {
        let (read, left) = decode_chunks([verb.as_bytes(), &blanks, &blanks]);
        assert!(read.is_empty() && left.is_empty(), "{verb}: {} bytes kept", left.len());
    }
    let (read, left) =
        decode_chunks([&b"PUB "[..], &blanks, b" fo", b"o 2", b"\r\nh", b"i\r\nPUB ", b"foo 1\r\nx\r\n"]);
    assert_eq!(read, ["PUB foo [] hi =", "PUB foo [] x ="]);
    assert!(left.is_empty());
}

#[test]
fn blanks_before_the_first_argument_are_not_counted() {
    let stream = format!("SUB {}foo 1\r\n", " ".repeat(10 * MAX_LINE));
    assert_eq!(decode(stream.as_bytes()), ["SUB foo [] 1"]);
}

#[test]
fn the_size_of_a_known_operation_is_wanted() {
    let mut decoder = ClientDecoder::new(MAX_LINE, MAX_PAYLOAD);
    let mut buffer = BytesMut::from(&b"PING\r\nPUB foo 10"[..]);
    assert_eq!(decoder.decode(&mut buffer).unwrap().unwrap().ops, [ClientOp::Ping]);
    assert_eq!(decoder.wanted(), None, "the line is not complete");
    buffer.extend_from_slice(b"\r\n01234");
    assert!(decoder.decode(&mut buffer).unwrap().is_none());
    assert_eq!(decoder.wanted(), Some(b"PUB foo 10\r\n0123456789\r\n".len()));
    buffer.extend_from_slice(b"56789\r\n");
    assert_eq!(decoder.decode(&mut buffer).unwrap().unwrap().ops.len(), 1);
    assert_eq!(decoder.wanted(), None);
}

#[test]
fn new_limits_hold_from_the_next_line() {
    let mut decoder = ClientDecoder::new(MAX_LINE, MAX_PAYLOAD);
    let mut buffer = BytesMut::from(&b"PUB foo 5\r\nhe"[..]);
    assert!(decoder.decode(&mut buffer).unwrap().is_none());
    decoder.set_limits(MAX_LINE, 4);
    buffer.extend_from_slice(b"llo\r\nPUB foo 5\r\n");
    let batch = decoder.decode(&mut buffer).unwrap().unwrap();
    assert_eq!((batch.ops.len(), batch.fault), (1, Some(ProtocolFault::PayloadExceeded(5))));
}

#[test]
fn a_recycled_batch_is_filled_again() {
    let mut decoder = ClientDecoder::new(MAX_LINE, MAX_PAYLOAD);
    decoder.recycle(Vec::with_capacity(100));
    let batch = decoder.decode(&mut BytesMut::from(&b"PING\r\n"[..])).unwrap().unwrap();
    assert_eq!(batch.ops.len(), 1);
    assert!(batch.ops.capacity() >= 100);
    assert_eq!(decoder.take_spare_ops().capacity(), 0, "the batch has it");
}

/// Pieces of a client's stream: right, lenient, and wrong ones.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let blank = prop_oneof![4 => Just(" "), 1 => Just("\t"), 1 => Just("  "), 1 => Just(" \t ")];
    let line_end = prop_oneof![6 => Just("\r\n"), 1 => Just("\n"), 1 => Just(" \r\n"), 1 => Just("\r\r\n")];
    let verb = prop_oneof![4 => Just("PUB"), 1 => Just("pub"), 2 => Just("HPUB"), 2 => Just("SUB"), 1 => Just("UNSUB")];
    let word = "[a-z.*>]{1,6}";
    let line = (verb, prop::collection::vec(word, 0..3), blank, 0..20usize, 0..12usize, line_end);
    let line = line.prop_map(|(verb, words, blank, size, header, line_end)| {
        let mut text = format!("{verb}{blank}{}{blank}", words.join(blank));
        let is_header_publish = verb == "HPUB";
        let total = if is_header_publish { size + header } else { size };
        let sizes = if is_header_publish { format!("{header}{blank}{total}") } else { total.to_string() };
        text.push_str(&sizes);
        text.push_str(line_end);
        if verb.to_ascii_uppercase().ends_with("PUB") {
            text.extend(std::iter::repeat_n('\n', total));
            text.push_str("\r\n");
        }
        text.into_bytes()
    });
    let long = (MAX_LINE - 6..MAX_LINE + 3).prop_map(|len| format!("SUB {} 1\r\n", "x".repeat(len)).into_bytes());
    prop_oneof![
        12 => line,
        3 => prop::sample::select(vec!["PING\r\n", "PONG\r\n", "+OK\r\n", "ping \t\n", "PINGx\r\n"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::sample::select(vec!["CONNECT {}\r\n", "INFO {}\r\n", "-ERR 'x'\r\n", "CONNECT{}\n", "PUB \n", "SUB a\rb 1\n"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => long,
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

/// A stream, and the sizes of the reads it comes in.
fn stream_and_reads() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    // Some stand several times in a row, as the messages of a busy client do.
    let pieces = prop::collection::vec((piece(), 1..4usize), 1..10);
    let stream = pieces.prop_map(|pieces| pieces.iter().flat_map(|(piece, times)| piece.repeat(*times)).collect());
    (stream, prop::collection::vec(1..40usize, 1..20))
}

/// Cuts `stream` into reads of these sizes, again and again.
fn cut<'a>(stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = stream;
    let mut reads = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (read, behind) = rest.split_at((*size).min(rest.len()));
        reads.push(read);
        rest = behind;
    }
    reads
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn reads_do_not_depend_on_how_bytes_are_cut((stream, sizes) in stream_and_reads()) {
        let whole = decode(&stream);
        prop_assert_eq!(&decode_chunks(stream.chunks(1)).0, &whole, "byte by byte");
        prop_assert_eq!(&decode_chunks(cut(&stream, &sizes)).0, &whole, "reads of {:?}", sizes);
    }

    #[test]
    fn any_bytes_are_read_or_refused_within_bounds(
        stream in prop::collection::vec(any::<u8>(), 0..200),
        verb in prop::sample::select(vec!["", "PUB ", "HPUB ", "SUB ", "UNSUB ", "CONNECT ", "PING"]),
    ) {
        let stream = [verb.as_bytes(), &stream].concat();
        let (read, left) = decode_chunks(stream.chunks(7));
        prop_assert_eq!(read, decode(&stream));
        prop_assert!(left.len() <= stream.len());
    }
}

#[test]
fn connect_is_expected_however_its_line_is_cut() {
    let bytes = b"CONNECT \t {\"a\":1}\r\nPING\r\n";
    for cut in 1..bytes.len() {
        let mut decoder = ClientDecoder::new(4096, 1024);
        decoder.expect_connect();
        let mut source = BytesMut::new();
        let mut ops = Vec::new();
        for part in [&bytes[..cut], &bytes[cut..]] {
            source.extend_from_slice(part);
            while let Some(batch) = decoder.decode(&mut source).unwrap() {
                assert_eq!(batch.fault, None, "cut at {cut}");
                ops.extend(batch.ops);
            }
        }
        assert_eq!(ops.len(), 2, "cut at {cut}");
    }
    for bytes in [&b"PING\r\n"[..], b" CONNECT {}\r\n", b"\x16"] {
        let mut decoder = ClientDecoder::new(4096, 1024);
        decoder.expect_connect();
        let batch = decoder.decode(&mut BytesMut::from(bytes)).unwrap().unwrap();
        assert_eq!(batch.fault, Some(ProtocolFault::ConnectExpected));
    }
}
