//! A web server with tokens of accounts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Path below which the tokens are.
const BASE: &str = "/jwt/v1/accounts/";

/// Serves tokens until it is dropped.
pub(crate) struct Web {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tokens: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Web {
    /// Serves these tokens, each under the name of its account.
    pub(crate) fn serve(tokens: impl IntoIterator<Item = (String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { tokens: Mutex::new(tokens.into_iter().collect()), ..Shared::default() });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !served.is_over.load(Ordering::Relaxed)) {
                let served = Arc::clone(&served);
                std::thread::spawn(move || served.answer(stream));
            }
        });
        Self { address, shared }
    }

    /// What a resolver is configured with.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{BASE}", self.address)
    }

    /// Serves another token of an account.
    pub(crate) fn put(&self, account: String, token: String) {
        self.shared.tokens.lock().expect("no panic").insert(account, token);
    }

    /// How often an account was asked for.
    pub(crate) fn num_asked(&self, account: &str) -> usize {
        self.shared.asked.lock().expect("no panic").iter().filter(|asked| *asked == account).count()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) {
        let Some(path) = requested(&stream) else { return };
        let name = path.strip_prefix(BASE).unwrap_or("?").to_owned();
        let token = self.tokens.lock().expect("no panic").get(&name).cloned();
        let (status, body) = match token {
            Some(token) => ("200 OK", token),
            // That it is there is looked at first.
            None if name.is_empty() => ("200 OK", String::new()),
            None => ("404 Not Found", "no such account".to_owned()),
        };
        self.asked.lock().expect("no panic").push(name);
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // A server that is gone is told nothing.
        let _ = stream.write_all([head, body].concat().as_bytes());
    }
}

/// The path of a request, once all of it is read.
fn requested(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
    first.split(' ').nth(1).map(str::to_owned)
}
