//! What the decoder reads, written as text: one line per operation, `!` before a fault.

use proptest::prelude::*;

use super::*;
use crate::peer::{InterestOp, PeerMessage};

const MAX_LINE: usize = 100;
const MAX_PAYLOAD: usize = 1000;

fn decode_chunks<'a>(has_account: bool, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = RouteDecoder::new(MAX_LINE, MAX_PAYLOAD);
    decoder.set_has_account(has_account);
    let mut buffer = BytesMut::new();
    let mut read = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        while let Some(batch) = decoder.decode(&mut buffer) {
            read.extend(batch.ops.iter().map(|op| describe(op, &batch.bytes)));
            if let Some(fault) = batch.fault {
                read.push(format!("! {fault:?}"));
                return read;
            }
            decoder.recycle(batch.ops);
        }
    }
    read
}

fn decode(stream: &[u8]) -> Vec<String> {
    decode_chunks(true, [stream])
}

fn describe(op: &PeerOp, bytes: &[u8]) -> String {
    let text = |span: Span| span.of(bytes).escape_ascii().to_string();
    match op {
        PeerOp::Connect(json) => format!("CONNECT {}", text(*json)),
        PeerOp::Info(json) => format!("INFO {}", text(*json)),
        PeerOp::Err(words) => format!("ERR {}", text(*words)),
        PeerOp::Ping => "PING".to_owned(),
        PeerOp::Pong => "PONG".to_owned(),
        PeerOp::Ignored => "-".to_owned(),
        PeerOp::Interest(op) => format!("+ {} {}", describe_interest(op, bytes), op.weight),
        PeerOp::NoInterest(op) => format!("- {}", describe_interest(op, bytes)),
        PeerOp::Message(message) => describe_message(message, bytes),
    }
}

fn describe_interest(op: &InterestOp, bytes: &[u8]) -> String {
    let parts = [op.origin, op.account, op.subject, op.queue];
    parts.map(|span| format!("[{}]", span.of(bytes).escape_ascii())).join("")
}

fn describe_message(message: &PeerMessage, bytes: &[u8]) -> String {
    let text = |span: Span| span.of(bytes).escape_ascii().to_string();
    let queues: Vec<String> = message.queue_names(bytes).map(|name| name.escape_ascii().to_string()).collect();
    if message.is_verbatim {
        let reply = if message.reply.is_empty() { String::new() } else { format!("{} ", text(message.reply)) };
        let expected = format!("{reply}{}\\r\\n{}\\r\\n", text(message.sizes), text(message.payload));
        assert_eq!(text(message.verbatim_tail()), expected);
    }
    format!(
        "MSG {}[{}] {} [{}] {queues:?} {}/{} {}{}",
        text(message.origin),
        text(message.account),
        text(message.subject),
        text(message.reply),
        message.header_len,
        text(message.sizes),
        text(message.payload),
        if message.is_verbatim { " =" } else { "" },
    )
}

#[test]
fn what_only_clients_say_is_passed_over() {
    let stream = "SUB foo 1\r\nPUB in 2\r\nhi\r\nPUB in re 0\r\n\r\nHPUB in 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB $G q g\r\nPING\r\n";
    assert_eq!(decode(stream.as_bytes()), ["-", "-", "-", "-", "- [][$G][q][g]", "PING"]);
    assert_eq!(decode(b"PUB in 2\r\nhello\r\n"), ["! UnknownOperation"]);
    for line in [&b"PUB in x\r\n"[..], b"UNSUB 1\r\n"] {
        assert_eq!(decode(line), ["! BadArguments"]);
    }
}

#[test]
fn a_weight_that_is_no_number_leaves_nobody() {
    for weight in ["x", "-1", "0", "9999999999", "3000000000"] {
        assert_eq!(decode(format!("RS+ $G q g {weight}\r\n").as_bytes()), ["+ [][$G][q][g] 0"], "{weight}");
    }
}

#[test]
fn reads_what_nats_server_sends() {
    let cases: [(&str, &str); 21] = [
        ("RS+ ACC foo.*\r\n", "+ [][ACC][foo.*][] 0"),
        ("RS+ ACC q.x g1 2\r\n", "+ [][ACC][q.x][g1] 2"),
        ("RS- ACC q.>\r\n", "- [][ACC][q.>][]"),
        ("RS- ACC q.x g1\r\n", "- [][ACC][q.x][g1]"),
        ("LS+ leafs ACC q.x g1 1\r\n", "+ [leafs][ACC][q.x][g1] 1"),
        ("LS- leafs ACC q.x\r\n", "- [leafs][ACC][q.x][]"),
        ("RMSG ACC foo.1 5\r\nhello\r\n", "MSG [ACC] foo.1 [] [] 0/5 hello ="),
        ("RMSG ACC foo.2 _INBOX.a 3\r\nreq\r\n", "MSG [ACC] foo.2 [_INBOX.a] [] 0/3 req ="),
        ("RMSG ACC q.x | g1 g2 2\r\nhi\r\n", r#"MSG [ACC] q.x [] ["g1", "g2"] 0/2 hi"#),
        ("RMSG ACC q.x + r g1 3\r\nreq\r\n", r#"MSG [ACC] q.x [r] ["g1"] 0/3 req"#),
        ("RMSG ACC q.x | 3\r\nreq\r\n", "MSG [ACC] q.x [|] [] 0/3 req ="),
        ("HMSG ACC f 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "MSG [ACC] f [] [] 12/12 14 NATS/1.0\\r\\n\\r\\nhi ="),
        ("HMSG ACC f r 12 12\r\nNATS/1.0\r\n\r\n\r\n", "MSG [ACC] f [r] [] 12/12 12 NATS/1.0\\r\\n\\r\\n ="),
        ("HMSG ACC f | g 12 12\r\nNATS/1.0\r\n\r\n\r\n", "MSG [ACC] f [] [\"g\"] 12/12 12 NATS/1.0\\r\\n\\r\\n"),
        ("LMSG leafs ACC f r 0 2\r\nhi\r\n", "MSG leafs[ACC] f [r] [] 0/2 hi"),
        ("PING\r\n", "PING"),
        ("PONG\r\n", "PONG"),
        ("A- ACC\r\n", "-"),
        ("-ERR 'Authorization Violation'\r\n", "ERR \\'Authorization Violation\\'"),
        ("INFO {\"a\":1} \r\n", "INFO {\\\"a\\\":1}"),
        ("CONNECT {}\r\n", "CONNECT {}"),
    ];
    for (stream, expected) in cases {
        assert_eq!(decode(stream.as_bytes()), [expected], "{stream}");
    }
}

#[test]
fn a_route_of_one_account_leaves_it_out() {
    let stream =
        b"RS+ foo\r\nRS+ foo q 1\r\nRS- foo q\r\nRMSG foo 2\r\nhi\r\nRMSG foo + r q 2\r\nhi\r\nLS+ leafs foo\r\n";
    let expected = [
        "+ [][][foo][] 0",
        "+ [][][foo][q] 1",
        "- [][][foo][q]",
        "MSG [] foo [] [] 0/2 hi =",
        r#"MSG [] foo [r] ["q"] 0/2 hi"#,
        "+ [leafs][][foo][] 0",
    ];
    assert_eq!(decode_chunks(false, [&stream[..]]), expected);
}

#[test]
fn faults_are_told_apart() {
    let long = format!("RS+ ACC {}\r\n", "a".repeat(200));
    for (stream, fault) in [
        ("MSG foo 2\r\nhi\r\n", RouteFault::UnknownOperation),
        ("SUB\r\n", RouteFault::UnknownOperation),
        ("RMSG ACC foo 2\r\nhello\r\n", RouteFault::UnknownOperation),
        ("RMSG ACC foo 2000\r\n", RouteFault::PayloadTooLarge(2000)),
        ("RMSG ACC 2\r\n", RouteFault::BadArguments),
        ("RMSG ACC foo x\r\n", RouteFault::BadArguments),
        ("RMSG ACC foo ! q1 q2 2\r\n", RouteFault::BadArguments),
        ("HMSG ACC foo 5 2\r\n", RouteFault::BadArguments),
        ("HMSG ACC foo 5\r\n", RouteFault::BadArguments),
        ("RS+ ACC\r\n", RouteFault::BadArguments),
        ("RS+ ACC foo q\r\n", RouteFault::BadArguments),
        ("RS+ ACC foo q\r\n", RouteFault::BadArguments),
        ("RS- ACC foo q 1\r\n", RouteFault::BadArguments),
        (long.as_str(), RouteFault::LineTooLong),
        (&long[..150], RouteFault::LineTooLong),
    ] {
        assert_eq!(decode(stream.as_bytes()), [format!("! {fault:?}")], "{stream}");
    }
}

#[test]
fn a_batch_ends_behind_what_changes_the_reading() {
    let mut decoder = RouteDecoder::new(MAX_LINE, MAX_PAYLOAD);
    let mut buffer = BytesMut::from(&b"PING\r\nINFO {\"route_account\":\"SYS\"}\r\nRS+ foo\r\n"[..]);
    let first = decoder.decode(&mut buffer).unwrap();
    assert!(matches!(first.ops[..], [PeerOp::Ping, PeerOp::Info(_)]));
    decoder.set_has_account(false);
    let second = decoder.decode(&mut buffer).unwrap();
    assert!(matches!(second.ops[..], [PeerOp::Interest(_)]) && second.fault.is_none());
}

#[test]
fn the_size_of_a_waiting_message_is_known() {
    let mut decoder = RouteDecoder::new(MAX_LINE, MAX_PAYLOAD);
    let mut buffer = BytesMut::from(&b"PING\r\nRMSG A f 500\r\nabc"[..]);
    assert_eq!(decoder.decode(&mut buffer).unwrap().ops.len(), 1);
    assert!(decoder.decode(&mut buffer).is_none());
    assert_eq!(decoder.wanted(), Some("RMSG A f 500\r\n".len() + 502));
}

fn operation() -> impl Strategy<Value = String> {
    prop_oneof![
        "RS\\+ A [a-c]{1,3}\r\n",
        "RS\\+ A [a-c]{1,3} q [0-9]{1,2}\r\n",
        "RS- A [a-c]{1,3}( q)?\r\n",
        "LS\\+ l A [a-c]{1,3}\r\n",
        "RMSG A b( r)? 3\r\nabc\r\n",
        "RMSG A b [|] (q )?q 4\r\n\r\n\r\n\r\n",
        "HMSG A b [+] r q 2 3\r\nabc\r\n",
        "(PING|PONG|\\+OK|A- x)\r\n",
        "INFO \\{\\} ?\r\n",
        "[A-Z +\r\n-]{1,6}",
    ]
}

proptest! {
    #[test]
    fn the_cut_of_the_bytes_does_not_matter(ops in prop::collection::vec(operation(), 1..12), size in 1usize..20) {
        let stream = ops.concat().into_bytes();
        let whole = decode(&stream);
        prop_assert_eq!(&decode_chunks(true, stream.chunks(size)), &whole);
        prop_assert_eq!(&decode_chunks(true, stream.chunks(1)), &whole);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(stream in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(decode(&stream), decode_chunks(true, stream.chunks(1)));
    }
}
