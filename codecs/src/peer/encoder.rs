//! The lines a server sends to another one. Where `account` is `None` the route is for one account alone, and leaves it out.

use super::info::{RouteConnect, RouteInfo};

/// Appends `INFO {json}`, with the blank before CRLF that nats-server writes when a connection begins.
pub fn info(out: &mut Vec<u8>, info: &RouteInfo) {
    out.extend_from_slice(b"INFO ");
    out.extend_from_slice(&info.to_json());
    out.extend_from_slice(b" \r\n");
}

/// Appends `CONNECT {json}`.
pub fn connect(out: &mut Vec<u8>, connect: &RouteConnect) {
    out.extend_from_slice(b"CONNECT ");
    out.extend_from_slice(&connect.to_json());
    out.extend_from_slice(b"\r\n");
}

/// Appends `RS+`: interest begins, or a queue group has `weight` members now.
pub fn interest(out: &mut Vec<u8>, account: Option<&[u8]>, subject: &[u8], queue: Option<(&[u8], u32)>) {
    front(out, b"RS+ ", account, subject);
    if let Some((queue, weight)) = queue {
        out.push(b' ');
        out.extend_from_slice(queue);
        out.push(b' ');
        out.extend_from_slice(weight.to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `RS-`: interest ends.
pub fn no_interest(out: &mut Vec<u8>, account: Option<&[u8]>, subject: &[u8], queue: Option<&[u8]>) {
    front(out, b"RS- ", account, subject);
    if let Some(queue) = queue {
        out.push(b' ');
        out.extend_from_slice(queue);
    }
    out.extend_from_slice(b"\r\n");
}

fn front(out: &mut Vec<u8>, verb: &[u8], account: Option<&[u8]>, subject: &[u8]) {
    out.extend_from_slice(verb);
    if let Some(account) = account {
        out.extend_from_slice(account);
        out.push(b' ');
    }
    out.extend_from_slice(subject);
}

/// Appends how a message begins, up to the blank behind its subject.
#[inline]
pub fn message_head(out: &mut Vec<u8>, has_headers: bool, account: Option<&[u8]>, subject: &[u8]) {
    front(out, if has_headers { b"HMSG " } else { b"RMSG " }, account, subject);
    out.push(b' ');
}

/// Appends what stands between the head of a message and its sizes: the reply and the names of queue groups.
pub fn message_names<'q>(out: &mut Vec<u8>, reply: &[u8], queues: impl Iterator<Item = &'q [u8]>) {
    let mut queues = queues.peekable();
    if queues.peek().is_some() {
        out.extend_from_slice(if reply.is_empty() { b"| " } else { b"+ " });
    }
    if !reply.is_empty() {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    for name in queues {
        out.extend_from_slice(name);
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_nats_server() {
        let mut out = Vec::new();
        interest(&mut out, Some(b"ACC"), b"foo.*", None);
        interest(&mut out, Some(b"ACC"), b"q.x", Some((b"g1", 2)));
        interest(&mut out, None, b"$SYS.SERVER.*.STATSZ", None);
        no_interest(&mut out, Some(b"ACC"), b"q.>", None);
        no_interest(&mut out, None, b"q.x", Some(b"g1"));
        let expected = "RS+ ACC foo.*\r\nRS+ ACC q.x g1 2\r\nRS+ $SYS.SERVER.*.STATSZ\r\nRS- ACC q.>\r\nRS- q.x g1\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        for (has_headers, account, reply, queues, expected) in [
            (false, "ACC", "", "", "RMSG ACC foo "),
            (false, "", "r", "", "RMSG foo r "),
            (true, "ACC", "", "g1 g2", "HMSG ACC foo | g1 g2 "),
            (true, "ACC", "r", "g1", "HMSG ACC foo + r g1 "),
            (false, "", "r", "g1 g2", "RMSG foo + r g1 g2 "),
        ] {
            let account = Some(account.as_bytes()).filter(|name| !name.is_empty());
            let mut out = Vec::new();
            message_head(&mut out, has_headers, account, b"foo");
            message_names(&mut out, reply.as_bytes(), queues.split_whitespace().map(str::as_bytes));
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
