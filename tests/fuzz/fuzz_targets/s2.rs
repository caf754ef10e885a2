//! The reader of compressed streams on any bytes: never a panic, the cut does not matter, and what is written is read again.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use troupe_codecs::s2::{S2Decoder, S2Encoder, S2Error, S2Level};

fuzz_target!(|bytes: &[u8]| {
    let Some((&size, stream)) = bytes.split_first() else { return };
    let _ = read([stream]);
    let mut packed = Vec::new();
    let level = [S2Level::Uncompressed, S2Level::Fast, S2Level::Better, S2Level::Best][usize::from(size % 4)];
    S2Encoder::default().encode(stream, level, &mut packed);
    assert_eq!(read(packed.chunks(usize::from(size).max(1))).as_deref(), Ok(stream));
});

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, S2Error> {
    let (mut decoder, mut buffer, mut plain) = (S2Decoder::default(), BytesMut::new(), BytesMut::new());
    let mut read = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        while decoder.decode(&mut buffer, &mut plain)? {
            read.extend_from_slice(&plain.split());
        }
        read.extend_from_slice(&plain.split());
    }
    Ok(read)
}
