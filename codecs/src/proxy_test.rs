//! Every expectation here was observed on nats-server 2.15.1 with `proxy_protocol: true`.

use proptest::prelude::*;

use super::*;

const IPV4: &[u8] = &[10, 1, 2, 3, 10, 1, 2, 4, 0x15, 0xb3, 0x10, 0x7e];

fn v2(version_command: u8, family_protocol: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = V2_SIGNATURE.to_vec();
    bytes.extend([version_command, family_protocol]);
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

fn ipv6(source: &str) -> Vec<u8> {
    let mut data = source.parse::<Ipv6Addr>().unwrap().octets().to_vec();
    data.extend("2001:db8::2".parse::<Ipv6Addr>().unwrap().octets());
    data.extend([0x15, 0xb3, 0x10, 0x7e]);
    data
}

/// Headers that are accepted, with the source they name.
fn accepted() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let v1 = |text: &str| format!("PROXY {text}\r\n").into_bytes();
    let mut extended = IPV4.to_vec();
    extended.extend([4, 0, 1, b'z']);
    vec![
        (v1("TCP4 10.1.2.3 10.1.2.4 5555 4222"), Some("10.1.2.3:5555")),
        (v1("TCP6 2001:db8::1 2001:db8::2 5555 4222"), Some("[2001:db8::1]:5555")),
        (v1("TCP6 ::ffff:10.1.2.3 ::ffff:10.1.2.4 5555 4222"), Some("10.1.2.3:5555")),
        (v1("UNKNOWN"), None),
        (v1("UNKNOWN a b c d e"), None),
        (v1(&format!("UNKNOWN {}", "x".repeat(91))), None),
        (v1(" TCP4  10.1.2.3\t10.1.2.4 5555 4222 "), Some("10.1.2.3:5555")),
        (v1("TCP4 10.1.2.3\r 10.1.2.4\n5555 4222"), Some("10.1.2.3:5555")),
        (v1("TCP4 10.1.2.3 10.1.2.4 0055 042"), Some("10.1.2.3:55")),
        (v1("TCP4 10.1.2.3 10.1.2.4 0 0"), Some("10.1.2.3:0")),
        (v2(0x20, 0x00, b""), None),
        (v2(0x20, 0x11, IPV4), None),
        (v2(0x20, 0xff, b"abc"), None),
        (v2(0x21, 0x01, b"abcdef"), None),
        (v2(0x21, 0x11, IPV4), Some("10.1.2.3:5555")),
        (v2(0x21, 0x11, &extended), Some("10.1.2.3:5555")),
        (v2(0x21, 0x21, &ipv6("2001:db8::1")), Some("[2001:db8::1]:5555")),
        (v2(0x21, 0x21, &ipv6("::ffff:10.1.2.3")), Some("10.1.2.3:5555")),
    ]
}

#[test]
fn accepts_what_nats_server_accepts() {
    for (header, source) in accepted() {
        let expected = ProxyPrefix::Header { source: source.map(|text| text.parse().unwrap()), len: header.len() };
        let mut bytes = header.clone();
        bytes.extend(b"CONNECT {}\r\n");
        assert_eq!(decode(&bytes), Ok(expected), "{}", header.escape_ascii());
    }
}

#[test]
fn a_header_cut_at_any_byte_is_incomplete() {
    for (header, _) in accepted() {
        for cut in 0..header.len() {
            let prefix = decode(&header[..cut]);
            assert!(matches!(prefix, Ok(ProxyPrefix::Incomplete(_))), "{} at {cut}", header.escape_ascii());
        }
    }
}

#[test]
fn other_bytes_belong_to_the_protocol() {
    let cases: [&[u8]; 8] = [
        b"CONNECT {}\r\n",
        b"PING\r\n",
        b"PUB",
        b"PROXYfoo",
        b"proxy tcp4",
        b"\r\n\r\nPING\r\n",
        b"\x16\x03\x01",
        b"\r\nPING",
    ];
    for bytes in cases {
        assert_eq!(decode(bytes), Ok(ProxyPrefix::None), "{}", bytes.escape_ascii());
    }
}

#[test]
fn words_errors_as_nats_server_does() {
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"PROXY \r\n".into(), "invalid PROXY protocol header: invalid v1 format"),
        (b"PROXY unknown\r\n".into(), "invalid PROXY protocol header: invalid v1 format"),
        (b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n".into(), "invalid PROXY protocol header: invalid v1 format"),
        (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n".into(), "invalid PROXY protocol header: invalid v1 format"),
        (b"PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n".into(), "invalid PROXY protocol header: invalid protocol UDP4"),
        (b"PROXY TCP4 10.1.2.300 1.1.1.1 1 1\r\n".into(), "invalid PROXY protocol header: invalid address"),
        (b"PROXY TCP4 010.1.2.3 1.1.1.1 1 1\r\n".into(), "invalid PROXY protocol header: invalid address"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n".into(), "invalid PROXY protocol header: invalid address"),
        (b"PROXY TCP4 1.1.1.1 zz x 1\r\n".into(), "invalid PROXY protocol header: invalid address"),
        (b"PROXY TCP4 ::1 ::1 1 1\r\n".into(), "invalid PROXY protocol header: TCP4 with IPv6 address"),
        (b"PROXY TCP4 1.1.1.1 ::1 1 1\r\n".into(), "invalid PROXY protocol header: TCP4 with IPv6 address"),
        (b"PROXY TCP6 ::1 1.1.1.1 1 1\r\n".into(), "invalid PROXY protocol header: TCP6 with IPv4 address"),
        (
            b"PROXY TCP4 1.1.1.1 1.1.1.1 x 1\r\n".into(),
            "invalid source port: strconv.ParseUint: parsing \"x\": invalid syntax",
        ),
        (
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 42\xff2\r\n".into(),
            "invalid dest port: strconv.ParseUint: parsing \"42\\xff2\": invalid syntax",
        ),
        (
            b"PROXY TCP4 1.1.1.1 1.1.1.1 70000 1\r\n".into(),
            "invalid source port: strconv.ParseUint: parsing \"70000\": value out of range",
        ),
        (
            b"PROXY FOO 1.1.1.1 1.1.1.1 +5 1\r\n".into(),
            "invalid source port: strconv.ParseUint: parsing \"+5\": invalid syntax",
        ),
        (
            format!("PROXY UNKNOWN {}\r\n", "x".repeat(92)).into_bytes(),
            "invalid PROXY protocol header: v1 line too long",
        ),
        (b"\r\n\r\n\0\r\nQUIX\n".into(), "invalid PROXY protocol header: invalid signature"),
        (v2(0x11, 0x11, IPV4), "invalid PROXY protocol header: invalid version 0x10"),
        (v2(0x22, 0x11, IPV4), "unknown PROXY protocol command: 0x02"),
        (v2(0x21, 0x12, IPV4), "unsupported PROXY protocol feature: only STREAM protocol supported"),
        (v2(0x21, 0x00, b""), "unsupported PROXY protocol feature: only STREAM protocol supported"),
        (v2(0x21, 0x31, &[b'a'; 216]), "unsupported PROXY protocol feature: unsupported address family 0x30"),
        (v2(0x21, 0x11, &IPV4[..8]), "IPv4 address data too short: 8 bytes"),
        (v2(0x21, 0x21, &[0; 20]), "IPv6 address data too short: 20 bytes"),
    ];
    for (bytes, text) in cases {
        assert_eq!(decode(&bytes).unwrap_err().to_string(), text, "{}", bytes.escape_ascii());
    }
}

#[test]
fn says_what_is_missing() {
    let header = v2(0x21, 0x11, IPV4);
    let line: &[u8] = b"PROXY TCP4 10.";
    let cases: [(&[u8], &str, bool); 9] = [
        (b"", "read protocol version", false),
        (b"PRO", "read protocol version", true),
        (line, "read v1 line", false),
        (&header[..6], "read v2 signature", false),
        (&header[..8], "read v2 signature", true),
        (&header[..12], "read v2 header", false),
        (&header[..14], "read v2 header", true),
        (&header[..16], "read IPv4 address data", false),
        (&header[..20], "read IPv4 address data", true),
    ];
    for (bytes, text, cut) in cases {
        let Ok(ProxyPrefix::Incomplete(missing)) = decode(bytes) else { panic!("{}", bytes.escape_ascii()) };
        assert_eq!((missing.text(), missing.is_cut(bytes.len())), (text, cut), "{}", bytes.escape_ascii());
    }
}

/// Bytes that look like a header often enough.
fn nearly_a_header() -> impl Strategy<Value = Vec<u8>> {
    let starts = prop_oneof![
        Just(b"PROXY ".to_vec()),
        Just(V2_SIGNATURE.to_vec()),
        Just(b"\r\n\r\n\0\r".to_vec()),
        Just(vec![])
    ];
    let text = "(TCP4|TCP6|UNKNOWN|X)? ?[0-9a-f.: ]{0,120}(\r\n)?".prop_map(String::into_bytes);
    let rest = prop_oneof![text, proptest::collection::vec(any::<u8>(), 0..200)];
    (starts, rest).prop_map(|(start, rest)| [start, rest].concat())
}

proptest! {
    #[test]
    fn never_panics_and_more_bytes_never_change_a_verdict(bytes in nearly_a_header(), cut in 0..200_usize) {
        let whole = decode(&bytes);
        if let Ok(ProxyPrefix::Header { len, .. }) = whole {
            prop_assert!(len <= bytes.len() && len <= MAX_HEADER);
        }
        match decode(&bytes[..cut.min(bytes.len())]) {
            Ok(ProxyPrefix::Incomplete(_)) => {}
            verdict => prop_assert_eq!(verdict, whole),
        }
    }
}
