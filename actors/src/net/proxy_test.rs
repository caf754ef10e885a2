use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::*;
use crate::net::{FirstByte, first_byte};

fn pair() -> (PlainSocket, UnixStream) {
    let (server, client) = UnixStream::pair().unwrap();
    (PlainSocket::Unix(server), client)
}

async fn rest(mut socket: PlainSocket, client: UnixStream) -> Vec<u8> {
    drop(client);
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    rest
}

#[tokio::test]
async fn bytes_behind_a_header_stay_in_the_socket() {
    let (mut socket, mut client) = pair();
    client.write_all(b"PROXY TCP4 10.1.2.3 10.1.2.4 5555 4222\r\nCONNECT {}\r\n").await.unwrap();
    let preamble = read_proxy_preamble(&mut socket, PROXY_TIMEOUT).await.unwrap();
    assert_eq!(preamble.source.unwrap().to_string(), "10.1.2.3:5555");
    assert!(preamble.leftover.is_empty());
    assert_eq!(rest(socket, client).await, b"CONNECT {}\r\n");
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte_and_be_long() {
    let (mut socket, mut client) = pair();
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend(3012_u16.to_be_bytes());
    header.extend([10, 1, 2, 3, 10, 1, 2, 4, 0x15, 0xb3, 0x10, 0x7e]);
    header.extend([0; 3000]);
    let sender = async {
        for byte in &header {
            client.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        client.write_all(b"PING\r\n").await.unwrap();
    };
    let (preamble, ()) = tokio::join!(read_proxy_preamble(&mut socket, PROXY_TIMEOUT), sender);
    assert_eq!(preamble.unwrap().source.unwrap().to_string(), "10.1.2.3:5555");
    assert_eq!(rest(socket, client).await, b"PING\r\n");
}

#[tokio::test]
async fn other_bytes_are_given_back() {
    let (server, mut client) = UnixStream::pair().unwrap();
    let server = server.into_std().unwrap();
    let duplicate = server.try_clone().unwrap();
    let mut socket = PlainSocket::Unix(UnixStream::from_std(server).unwrap());
    client.write_all(b"P").await.unwrap();
    let sender = async {
        while is_unread(&duplicate) {
            tokio::task::yield_now().await;
        }
        client.write_all(b"ING\r\n").await.unwrap();
    };
    let (preamble, ()) = tokio::join!(read_proxy_preamble(&mut socket, PROXY_TIMEOUT), sender);
    let preamble = preamble.unwrap();
    assert_eq!((preamble.source, &preamble.leftover[..]), (None, &b"P"[..]));
    drop(duplicate);
    assert_eq!(rest(socket, client).await, b"ING\r\n");
}

/// Whether the bytes sent so far are still in the server's socket, of which `server` is a duplicate.
fn is_unread(server: &std::os::unix::net::UnixStream) -> bool {
    recv(server.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT).is_ok()
}

#[tokio::test]
async fn an_end_or_silence_is_worded_as_by_nats_server() {
    let cases: [(&[u8], bool, &str); 5] = [
        (b"", true, "failed to read protocol version: EOF"),
        (b"PRO", true, "failed to read protocol version: unexpected EOF"),
        (b"PROXY TCP4 10.", true, "failed to read v1 line: EOF"),
        (b"PROXY TCP4", false, "failed to read v1 line: read unix: i/o timeout"),
        (b"", false, "failed to read protocol version: EOF"),
    ];
    for (bytes, ends, text) in cases {
        let (mut socket, mut client) = pair();
        client.write_all(bytes).await.unwrap();
        if ends {
            client.shutdown().await.unwrap();
        }
        let error = read_proxy_preamble(&mut socket, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn sniffing_takes_nothing() {
    for (bytes, expected) in [(&b"\x16\x03"[..], FirstByte::Tls), (b"C", FirstByte::Other(b'C'))] {
        let (socket, mut client) = pair();
        client.write_all(bytes).await.unwrap();
        assert_eq!(first_byte(&socket, PROXY_TIMEOUT).await.unwrap(), expected);
        assert_eq!(rest(socket, client).await, bytes);
    }
    let (socket, client) = pair();
    assert_eq!(first_byte(&socket, Duration::from_millis(1)).await.unwrap(), FirstByte::Nothing);
    drop(client);
    assert_eq!(first_byte(&socket, PROXY_TIMEOUT).await.unwrap(), FirstByte::End);
}
