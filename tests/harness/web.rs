//! A small web server: one answer a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Answers requests until it is dropped, each on a thread of its own.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    scheme: &'static str,
    is_over: Arc<AtomicBool>,
}

/// What is asked.
#[derive(Debug)]
pub struct WebRequest {
    /// What stands behind the server's name.
    pub path: String,
    /// What comes behind the head.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Debug)]
pub struct WebAnswer {
    /// Code and words.
    pub status: &'static str,
    /// What comes behind the head.
    pub body: Vec<u8>,
}

impl WebServer {
    /// Answers so, over TLS where that is given.
    pub fn start(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&WebRequest) -> WebAnswer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let is_over = Arc::new(AtomicBool::new(false));
        let (ends, answer) = (Arc::clone(&is_over), Arc::new(answer));
        let scheme = if tls.is_some() { "https" } else { "http" };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !ends.load(Ordering::Relaxed)) {
                let (answer, tls) = (Arc::clone(&answer), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &*answer),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).expect("a connection");
                        serve(StreamOwned::new(connection, stream), &*answer);
                    }
                });
            }
        });
        Self { address, scheme, is_over }
    }

    /// Where it answers, without a path.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

fn serve(mut stream: impl Read + Write, answer: &dyn Fn(&WebRequest) -> WebAnswer) {
    let Some(request) = read(&mut stream) else { return };
    let WebAnswer { status, body } = answer(&request);
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // A server that is gone is told nothing.
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    let _ = stream.flush();
}

/// A request, once all of it is read.
fn read(stream: &mut impl Read) -> Option<WebRequest> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().ok()?;
        }
        first.get_or_insert(line);
    }
    let path = first?.split(' ').nth(1)?.to_owned();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(WebRequest { path, body })
}
