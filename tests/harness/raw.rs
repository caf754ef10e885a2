//! A byte-level client: writes what it is told and reads up to a condition, never for a while.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;

use crate::frames::{Frame, take_frame};
use crate::wait::PATIENCE;

/// How waiting for a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The condition held.
    Met,
    /// The server closed the connection first.
    Closed,
    /// The time was over first.
    TimedOut,
}

/// One raw connection. Everything read so far is kept, frame by frame.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    buffer: Vec<u8>,
    frames: Vec<Frame>,
    closed: bool,
    patience: Duration,
}

impl RawClient {
    /// Connects; the INFO is read like everything else.
    ///
    /// # Panics
    /// Panics when nobody listens at `address`.
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}")))
    }

    /// The same over a connection that is there already.
    ///
    /// # Panics
    /// Panics when the system refuses.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
        Self { stream, buffer: Vec::new(), frames: Vec::new(), closed: false, patience: PATIENCE }
    }

    /// Makes the kernel keep little for this side, so that the server soon has to wait for it to read.
    ///
    /// # Panics
    /// Panics when the system refuses.
    pub fn limit_receive_buffer(&self, bytes: usize) {
        socket2::SockRef::from(&self.stream).set_recv_buffer_size(bytes).expect("a TCP socket has SO_RCVBUF");
    }

    /// Sets how long one wait may take.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Writes bytes. A connection the server has closed swallows them, as the kernel does.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let deadline = Instant::now() + self.patience;
        self.stream.set_write_timeout(Some(self.patience)).expect("the timeout is not zero");
        if self.stream.write_all(bytes.as_ref()).is_err() {
            assert!(Instant::now() < deadline, "the server did not read {} bytes in time", bytes.as_ref().len());
        }
    }

    /// Reads until `condition` holds for all frames so far.
    pub fn wait(&mut self, mut condition: impl FnMut(&[Frame]) -> bool) -> Waited {
        let deadline = Instant::now() + self.patience;
        loop {
            if condition(&self.frames) {
                return Waited::Met;
            }
            if self.closed {
                return Waited::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::TimedOut;
            }
            self.read_some(left);
        }
    }

    /// Reads until the server closes the connection.
    pub fn wait_closed(&mut self) -> Waited {
        match self.wait(|_| false) {
            Waited::Closed => Waited::Met,
            other => other,
        }
    }

    /// Reads until a frame contains `text`.
    ///
    /// # Panics
    /// Panics with everything read when that does not happen.
    pub fn expect(&mut self, text: &str) -> Frame {
        let waited = self.wait(|frames| frames.iter().any(|frame| frame.contains(text)));
        assert_eq!(waited, Waited::Met, "waiting for {text:?}; so far: {}", self.text());
        self.frames.iter().find(|frame| frame.contains(text)).cloned().expect("the wait was met")
    }

    /// Sends `bytes` and a PING, and reads up to its PONG: everything the bytes cause has then arrived.
    ///
    /// # Panics
    /// Panics with everything read when the PONG does not come.
    pub fn flush(&mut self, bytes: impl AsRef<[u8]>) {
        let pongs = self.count("PONG");
        let mut all = bytes.as_ref().to_vec();
        all.extend_from_slice(b"PING\r\n");
        self.send(all);
        let waited = self.wait(|frames| count(frames, "PONG") > pongs);
        assert_eq!(waited, Waited::Met, "waiting for a PONG; so far: {}", self.text());
    }

    /// Counts the frames so far that are exactly this control line.
    pub fn count(&self, line: &str) -> usize {
        count(&self.frames, line)
    }

    /// Returns all frames so far.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Returns the bytes of a frame that has not arrived completely.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// Tells whether the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Renders everything read so far.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.frames.iter().flat_map(|frame| frame.0.iter().copied()).collect();
        format!("{}{}", bytes.escape_ascii(), self.buffer.escape_ascii())
    }

    /// Reads the INFO if needed and returns one of its string fields, or an empty text.
    ///
    /// # Panics
    /// Panics when no INFO arrives or it is not JSON.
    pub fn info_field(&mut self, field: &str) -> String {
        let frame = self.expect("INFO {");
        let json: serde_json::Value = serde_json::from_slice(&frame.0["INFO ".len()..]).expect("INFO carries JSON");
        match &json[field] {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        }
    }

    /// Reads the INFO if needed and signs its nonce, as CONNECT wants it.
    ///
    /// # Panics
    /// Panics when no INFO arrives or the pair has no seed.
    pub fn signature(&mut self, pair: &KeyPair) -> String {
        let nonce = self.info_field("nonce");
        URL_SAFE_NO_PAD.encode(pair.sign(nonce.as_bytes()).expect("a seed signs"))
    }

    /// Ends the connection from this side.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Says that no more comes, and reads until the server has closed the connection: it has forgotten it by then.
    pub fn part(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        self.wait_closed();
    }

    fn read_some(&mut self, timeout: Duration) {
        let mut chunk = [0_u8; 64 * 1024];
        self.stream.set_read_timeout(Some(timeout)).expect("the timeout is not zero");
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closed = true,
            Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.closed = true,
        }
        while let Some(frame) = take_frame(&mut self.buffer) {
            self.frames.push(frame);
        }
    }
}

fn count(frames: &[Frame], line: &str) -> usize {
    frames.iter().filter(|frame| frame.is(line)).count()
}
