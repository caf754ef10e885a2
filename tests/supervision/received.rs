//! What a raw client has received, message by message.

use troupe_tests::RawClient;

/// One `MSG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Place among all frames of the connection.
    pub(crate) at: usize,
    pub(crate) subject: String,
    pub(crate) sid: String,
    pub(crate) payload: String,
}

/// All messages in the order of their arrival.
pub(crate) fn received(client: &RawClient) -> Vec<Received> {
    let mut messages = Vec::new();
    for (at, frame) in client.frames().iter().enumerate().filter(|(_, frame)| frame.starts_with("MSG ")) {
        let line = frame.line();
        let mut words = line.split(' ').skip(1).map(str::to_owned);
        let (Some(subject), Some(sid)) = (words.next(), words.next()) else { panic!("a torn message: {line}") };
        let payload = String::from_utf8_lossy(frame.payload()).into_owned();
        messages.push(Received { at, subject, sid, payload });
    }
    messages
}

/// Payloads of the messages received on `sid`, in order.
pub(crate) fn payloads(client: &RawClient, sid: &str) -> Vec<String> {
    received(client).into_iter().filter(|message| message.sid == sid).map(|message| message.payload).collect()
}

/// Connection id, from INFO.
pub(crate) fn cid(client: &mut RawClient) -> u64 {
    let frame = client.expect("INFO {");
    let json: serde_json::Value = serde_json::from_slice(&frame.0["INFO ".len()..]).expect("INFO carries JSON");
    json["client_id"].as_u64().expect("a connection has an id")
}

/// `PUB` with a text payload.
pub(crate) fn publish(subject: &str, payload: &str) -> String {
    format!("PUB {subject} {}\r\n{payload}\r\n", payload.len())
}
