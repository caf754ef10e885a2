//! Masks what legitimately differs between two servers: identities, ports, nonces, build facts.

/// INFO fields whose value is masked. The key stays, so a missing field still shows.
const MASKED_FIELDS: [&str; 8] = ["server_id", "server_name", "go", "port", "client_id", "nonce", "xkey", "ip"];
/// INFO field that is there only when a build was told its commit.
const BUILD_FIELD: &str = "git_commit";

/// Masks the volatile values of a frame; frames other than INFO are returned as they are. A configured
/// `server_name` is kept, because only a generated one is volatile (it equals the server's identity).
pub fn normalise(frame: &[u8]) -> Vec<u8> {
    if frame.starts_with(b"MSG ") || frame.starts_with(b"HMSG ") || frame.starts_with(b"-ERR ") {
        return mask_service(frame);
    }
    if !frame.starts_with(b"INFO ") {
        return frame.to_vec();
    }
    let Ok(text) = std::str::from_utf8(frame) else { return frame.to_vec() };
    let generated_name = field(text, "server_id").is_some() && field(text, "server_id") == field(text, "server_name");
    let mut text = text.to_owned();
    for name in MASKED_FIELDS {
        if name == "server_name" && !generated_name {
            continue;
        }
        if let Some(range) = value_range(&text, name) {
            text.replace_range(range, &format!("<{name}>"));
        }
    }
    remove(&mut text, BUILD_FIELD);
    text.into_bytes()
}

/// Masks what differs in messages that passed through a service import: the reply subject made by the server, facts of the
/// requester and the sizes they make up.
fn mask_service(frame: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(frame) else { return frame.to_vec() };
    let mut text = text.to_owned();
    let mut from = 0;
    while let Some(at) = text[from..].find("_R_.").map(|at| from + at) {
        let len = text[at..].find([' ', '\r', '\n', '"', '\'']).unwrap_or(text.len() - at);
        text.replace_range(at..at + len, "<reply>");
        from = at + "<reply>".len();
    }
    if text.contains("Nats-Request-Info: {") {
        for name in ["start", "id", "server", "rtt"] {
            if let Some(range) = value_range(&text, name) {
                text.replace_range(range, &format!("<{name}>"));
            }
        }
        let line_end = text.find("\r\n").unwrap_or(text.len());
        let line: Vec<&str> = text[..line_end].split(' ').collect();
        let line = format!("{} <sizes>", line[..line.len() - 2].join(" "));
        text.replace_range(..line_end, &line);
    }
    text.into_bytes()
}

/// Removes a field with its key and the comma behind it.
fn remove(text: &mut String, name: &str) {
    let Some(value) = value_range(text, name) else { return };
    let end = value.end + usize::from(text[value.end..].starts_with(','));
    text.replace_range(value.start - name.len() - 3..end, "");
}

fn field<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    value_range(text, name).map(|range| &text[range])
}

/// Finds the raw JSON value of `"name":`, quotes included. INFO values never hold escaped quotes or nested objects.
fn value_range(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let key = format!("\"{name}\":");
    let start = text.find(&key)? + key.len();
    let rest = &text[start..];
    let len = match rest.strip_prefix('"') {
        Some(inner) => inner.find('"')? + 2,
        None => rest.find([',', '}'])?,
    };
    Some(start..start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_volatile_values_and_keeps_keys_and_order() {
        let info =
            br#"INFO {"server_id":"NA","server_name":"NA","port":4222,"headers":true,"client_id":7,"nonce":"x"} "#;
        let masked = String::from_utf8(normalise(info)).unwrap();
        assert_eq!(
            masked,
            r#"INFO {"server_id":<server_id>,"server_name":<server_name>,"port":<port>,"headers":true,"client_id":<client_id>,"nonce":<nonce>} "#
        );
    }

    #[test]
    fn the_commit_of_a_build_does_not_count() {
        let masked = String::from_utf8(normalise(br#"INFO {"proto":1,"git_commit":"b2fd3ef","go":"x"}"#)).unwrap();
        assert_eq!(masked, r#"INFO {"proto":1,"go":<go>}"#);
    }

    #[test]
    fn keeps_a_configured_name_and_other_frames() {
        let masked = normalise(br#"INFO {"server_id":"NA","server_name":"mine"}"#);
        assert!(String::from_utf8(masked).unwrap().contains(r#""server_name":"mine""#));
        assert_eq!(normalise(b"MSG \"port\":1 2 0\r\n\r\n"), b"MSG \"port\":1 2 0\r\n\r\n");
    }
}
