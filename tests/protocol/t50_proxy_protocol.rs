//! A listener behind a proxy that announces the client's address.

use troupe_tests::{A, B, Script, compare, script};

const SESSION: &str =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1}\r\nSUB foo 1\r\nPUB foo 2\r\nhi\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn behind(name: &str, header: &[u8]) -> Script {
    script(name).flush(A, [header, SESSION.as_bytes()].concat())
}

fn version_2(name: &str, version_command: u8, family: u8, address: &[u8]) -> Script {
    let length = u16::try_from(address.len()).unwrap().to_be_bytes();
    behind(name, &[SIGNATURE, &[version_command, family], &length, address].concat())
}

#[test]
fn version_1() {
    compare(
        "proxy_protocol: true",
        [
            behind("without a header", b""),
            behind("TCP4", b"PROXY TCP4 192.168.1.50 10.0.0.1 12345 4222\r\n"),
            behind("TCP6", b"PROXY TCP6 2001:db8::1 2001:db8::2 12345 4222\r\n"),
            behind("UNKNOWN", b"PROXY UNKNOWN\r\n"),
            behind("UNKNOWN with more", b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"),
            behind("a wrong family", b"PROXY TCP9 192.168.1.50 10.0.0.1 12345 4222\r\n"),
            behind("an address that is none", b"PROXY TCP4 999.1.1.1 10.0.0.1 12345 4222\r\n"),
            behind("an address of the other family", b"PROXY TCP4 2001:db8::1 2001:db8::2 12345 4222\r\n"),
            behind("a port that is none", b"PROXY TCP4 192.168.1.50 10.0.0.1 123456 4222\r\n"),
            behind("too few fields", b"PROXY TCP4 192.168.1.50 10.0.0.1\r\n"),
            behind("too long", format!("PROXY TCP4 {}\r\n", "1".repeat(200)).as_bytes()),
            script("in two pieces")
                .send(A, "PROXY TCP4 192.168.1.50 10.0")
                .flush(B, "")
                .flush(A, format!(".0.1 12345 4222\r\n{SESSION}")),
        ],
    );
}

#[test]
fn version_2_headers() {
    let four = [192, 168, 1, 50, 10, 0, 0, 1, 0x30, 0x39, 0x10, 0x7e];
    let mut six = [0_u8; 36];
    (six[0], six[1], six[15], six[31]) = (0x20, 0x01, 1, 2);
    (six[33], six[35]) = (99, 100);
    compare(
        "proxy_protocol: true",
        [
            version_2("IPv4", 0x21, 0x11, &four),
            version_2("IPv6", 0x21, 0x21, &six),
            version_2("LOCAL", 0x20, 0x00, &[]),
            version_2("LOCAL with an address", 0x20, 0x11, &four),
            version_2("an unspecified family", 0x21, 0x00, &[]),
            version_2("IPv4 with more fields", 0x21, 0x11, &[&four[..], &[4, 0, 3, 1, 2, 3]].concat()),
            version_2("IPv4 that is too short", 0x21, 0x11, &four[..8]),
            version_2("a datagram", 0x21, 0x12, &four),
            version_2("a wrong version", 0x31, 0x11, &four),
            version_2("a wrong command", 0x22, 0x11, &four),
            version_2("a UNIX family", 0x21, 0x31, &[0; 216]),
        ],
    );
}

#[test]
fn without_the_option_it_is_no_protocol() {
    compare("", [behind("a header nobody expects", b"PROXY TCP4 192.168.1.50 10.0.0.1 12345 4222\r\n")]);
}
