//! Stands between the browser and the monitor, and answers some paths itself: for what this server cannot report yet.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::Value;

/// Answers by path, without what follows a question mark.
type Answers = Vec<(&'static str, Value)>;

/// A proxy with answers of its own. Its threads end with the test's process.
#[derive(Debug)]
pub(crate) struct StandIn {
    address: SocketAddr,
}

impl StandIn {
    /// Starts one in front of a monitor.
    pub(crate) fn new(monitor: SocketAddr, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let answers = Arc::new(answers);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let answers = Arc::clone(&answers);
                // A browser that leaves in the middle is no fault.
                std::thread::spawn(move || drop(serve(&socket, monitor, &answers)));
            }
        });
        Self { address }
    }

    /// URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

/// Serves one request and closes the connection.
fn serve(browser: &TcpStream, monitor: SocketAddr, answers: &Answers) -> std::io::Result<()> {
    let mut lines = BufReader::new(browser);
    let mut request = String::new();
    lines.read_line(&mut request)?;
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut head = String::new();
    while lines.read_line(&mut head)? > 2 {}
    let path = target.split('?').next().unwrap_or_default();
    let mut browser = browser;
    if let Some((_, answer)) = answers.iter().find(|(own, _)| path == format!("/{own}")) {
        let body = answer.to_string();
        let length = body.len();
        return write!(
            browser,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
    }
    let mut upstream = TcpStream::connect(monitor)?;
    write!(upstream, "GET {target} HTTP/1.1\r\nHost: {monitor}\r\nConnection: close\r\n\r\n")?;
    let mut block = [0; 16 * 1024];
    loop {
        let length = upstream.read(&mut block)?;
        if length == 0 {
            return Ok(());
        }
        browser.write_all(&block[..length])?;
    }
}
