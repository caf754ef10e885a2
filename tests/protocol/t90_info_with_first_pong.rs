//! The second INFO comes in the same write as the first PONG.
//!
//! A client's connect ends with that PONG. INFO read afterwards is reported to the application as a change of the
//! cluster: nats.js then sees an `update` event on a connection where nothing changed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use troupe_tests::on_both;

/// Two writes are often read at once all the same, so one connection shows little.
const CONNECTIONS: usize = 50;

#[test]
fn info_comes_in_one_piece_with_the_first_pong() {
    on_both("", |server| {
        for number in 0..CONNECTIONS {
            let mut socket = TcpStream::connect(server.address()).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            read_once(&mut socket);
            socket.write_all(b"CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n").unwrap();
            let answer = read_once(&mut socket);
            assert!(answer.starts_with("PONG\r\nINFO {"), "{} connection {number}: {answer}", server.name());
            assert!(answer.ends_with("\r\n"), "{} connection {number}: {answer}", server.name());
        }
    });
}

fn read_once(socket: &mut TcpStream) -> String {
    let mut buffer = [0; 8192];
    let length = socket.read(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}
