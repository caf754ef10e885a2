//! Compressed bodies of answers and traces.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::header;
use crate::s2::snappy;

/// Header that names the encoding of a body.
const CONTENT_ENCODING: &str = "Content-Encoding";

/// Headers and body as one who accepts the encodings `accept` is to get them. Without a wish there are no headers; a wish that
/// cannot be met gets the body as it is, and is told so.
#[must_use]
pub fn encode(accept: &str, body: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    if accept.is_empty() || body.is_empty() {
        return (Vec::new(), body);
    }
    let accept = accept.to_ascii_lowercase();
    let (name, body) = if accept.contains("snappy") || accept.contains("s2") {
        ("snappy", snappy(&body))
    } else if accept.contains("gzip") {
        match gzip(&body) {
            Ok(packed) => ("gzip", packed),
            Err(_) => ("identity", body),
        }
    } else {
        ("identity", body)
    };
    (header::with(b"", CONTENT_ENCODING, name.as_bytes()), body)
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
    writer.write_all(body)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use bytes::BytesMut;

    use super::*;
    use crate::s2::S2Decoder;

    #[test]
    fn bodies_are_packed_as_wished() {
        let body = b"{\"name\":\"name\"}".repeat(20_000);
        assert_eq!(encode("", body.clone()), (Vec::new(), body.clone()));
        let (headers, same) = encode("br", body.clone());
        assert_eq!((&headers[..], &same), (&b"NATS/1.0\r\nContent-Encoding: identity\r\n\r\n"[..], &body));

        let (headers, packed) = encode("deflate, GZIP", body.clone());
        assert_eq!(header::get(&headers, CONTENT_ENCODING), Some(&b"gzip"[..]));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).expect("it is gzip");
        assert!(plain == body && packed.len() < body.len() / 10);

        let (headers, packed) = encode("gzip, s2", body.clone());
        assert_eq!(header::get(&headers, CONTENT_ENCODING), Some(&b"snappy"[..]));
        assert!(packed.len() < body.len() / 10);
        let (mut packed, mut plain) = (BytesMut::from(&packed[..]), BytesMut::new());
        let mut decoder = S2Decoder::default();
        while decoder.decode(&mut packed, &mut plain).expect("it is snappy") {}
        assert!(plain[..] == body[..]);
    }
}
