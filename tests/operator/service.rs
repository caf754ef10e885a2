//! A service that says who may enter, as a thread beside a test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, XKey};
use serde_json::{Value, json};
use troupe_tests::Server;
use troupe_tests::frames::Frame;

use super::tokens::token;

/// What the service is asked.
pub(crate) struct Asked {
    /// The decoded claims.
    pub(crate) claims: Value,
    /// The server's curve key from the header.
    pub(crate) server_xkey: Option<String>,
}

impl Asked {
    /// A text below `nats`.
    pub(crate) fn text(&self, block: &str, name: &str) -> String {
        let nats = &self.claims["nats"];
        let value = if block.is_empty() { &nats[name] } else { &nats[block][name] };
        value.as_str().unwrap_or_default().to_owned()
    }

    /// An answer signed by `issuer`, with this body beside the usual parts.
    pub(crate) fn answer(&self, issuer: &KeyPair, body: Value) -> Vec<u8> {
        let mut nats = json!({"type": "authorization_response", "version": 2});
        nats.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        let server = self.text("server_id", "id");
        token(issuer, &self.text("", "user_nkey"), "", nats, json!({"aud": server})).into_bytes()
    }

    /// The token of the user asked about, for `account`, with more claims.
    pub(crate) fn user(&self, issuer: &KeyPair, account: &str, more: Value) -> String {
        self.user_as(issuer, &self.text("", "user_nkey"), more, json!({"aud": account}))
    }

    /// The token of any user, with more claims and parts.
    pub(crate) fn user_as(&self, issuer: &KeyPair, key: &str, more: Value, extra: Value) -> String {
        let mut nats =
            json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2});
        nats.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        token(issuer, key, "joe", nats, extra)
    }
}

/// How the service enters.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Options of CONNECT.
    pub(crate) options: String,
    /// Key that signs the nonce.
    pub(crate) signer: Option<String>,
    /// Curve seed, where requests are sealed.
    pub(crate) curve: Option<String>,
}

/// A running service. It ends when dropped.
pub(crate) struct Service {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Requests so far.
    pub(crate) asked: Arc<Mutex<Vec<Value>>>,
}

impl Service {
    /// Starts at `server`; returns once it listens. `answer` makes the answers; `None` stays silent.
    pub(crate) fn start(
        server: &Server,
        entry: &Entry,
        answer: impl Fn(&Asked) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let mut client = server.connect();
        client.set_patience(Duration::from_secs(20));
        client.expect("INFO {");
        let signature = entry
            .signer
            .as_ref()
            .map(|seed| format!(",\"sig\":\"{}\"", client.signature(&KeyPair::from_seed(seed).expect("a seed"))));
        let (options, signature) = (&entry.options, signature.unwrap_or_default());
        client.flush(format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"protocol\":1,{options}{signature}}}\r\nSUB $SYS.REQ.USER.AUTH 1\r\n"
        ));
        let (is_over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (over, all, curve) = (Arc::clone(&is_over), Arc::clone(&asked), entry.curve.clone());
        client.set_patience(Duration::from_millis(50));
        let thread = std::thread::spawn(move || {
            let mut seen = client.frames().len();
            while !over.load(Ordering::Relaxed) && !client.is_closed() {
                client.wait(|frames| frames.len() > seen);
                let new = client.frames()[seen..].to_vec();
                seen += new.len();
                for frame in new {
                    if frame.is("PING") {
                        client.send("PONG\r\n");
                    }
                    let Some((reply, request)) = request(&frame, curve.as_deref()) else { continue };
                    let body = answer(&request);
                    all.lock().expect("no panic").push(request.claims);
                    if let Some(body) = body {
                        client.send([format!("PUB {reply} {}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat());
                    }
                }
            }
        });
        Self { is_over, thread: Some(thread), asked }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// The reply subject and the request in a message.
fn request(frame: &Frame, curve: Option<&str>) -> Option<(String, Asked)> {
    if !frame.starts_with("MSG ") && !frame.starts_with("HMSG ") {
        return None;
    }
    let line = frame.line();
    let words: Vec<&str> = line.split(' ').collect();
    let reply = words.get(3)?.to_string();
    let mut body = frame.payload().to_vec();
    let mut server_xkey = None;
    if words[0] == "HMSG" {
        let header_len: usize = words[4].parse().ok()?;
        let headers = String::from_utf8_lossy(&body[..header_len]).into_owned();
        server_xkey = headers.split("Nats-Server-Xkey: ").nth(1).map(|rest| rest.trim().to_owned());
        body.drain(..header_len);
    }
    if let (Some(curve), Some(server)) = (curve, &server_xkey) {
        let own = XKey::from_seed(curve).expect("a seed");
        body = own.open(&body, &XKey::from_public_key(server).expect("a key")).expect("it is sealed for the service");
    }
    let text = String::from_utf8(body).ok()?;
    let claims = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
    Some((reply, Asked { claims: serde_json::from_slice(&claims).ok()?, server_xkey }))
}
