use proptest::prelude::*;

use super::*;

const LEVELS: [S2Level; 4] = [S2Level::Uncompressed, S2Level::Fast, S2Level::Better, S2Level::Best];

fn unpack_in(chunk: usize, packed: &[u8]) -> Result<Vec<u8>, S2Error> {
    let (mut decoder, mut buffer, mut plain) = (S2Decoder::default(), BytesMut::new(), BytesMut::new());
    for part in packed.chunks(chunk.max(1)) {
        buffer.extend_from_slice(part);
        while decoder.decode(&mut buffer, &mut plain)? {}
    }
    Ok(plain.to_vec())
}

#[test]
fn what_the_library_of_go_writes_is_read() {
    // `s2.NewWriter` with concurrency 1, closed after each write, as nats-server has it: the second flush begins anew.
    let stream = b"\xff\x06\x00\x00S2sTwO\x01\x09\x00\x00\xbb\x1f\x1c\x19hello\xff\x06\x00\x00S2sTwO\x01\x09\x00\x00\xbb\x1f\x1c\x19hello";
    assert_eq!(unpack_in(3, stream), Ok(b"hellohello".to_vec()));
}

#[test]
fn the_library_reads_what_is_written() {
    let plain: Vec<u8> = (0..100_000u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
    for level in LEVELS {
        let (mut encoder, mut packed) = (S2Encoder::default(), Vec::new());
        encoder.encode(&plain[..1000], level, &mut packed);
        encoder.encode(&plain[1000..], level, &mut packed);
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut s2::Reader::new(&packed[..]), &mut read).unwrap();
        assert_eq!(read, plain, "{level:?}");
        assert_eq!(packed.len() < plain.len(), level != S2Level::Uncompressed, "{level:?}");
        assert_eq!(unpack_in(4096, &packed), Ok(plain.clone()), "{level:?}");
    }
}

#[test]
fn chunks_that_need_not_be_known_are_skipped() {
    let mut stream = b"\xff\x06\x00\x00S2sTwO\xfe\x05\x00\x00.....\x99\x02\x00\x00xx\x80\x00\x00\x00".to_vec();
    let mut encoder = S2Encoder { is_begun: true, ..S2Encoder::default() };
    encoder.encode(b"hello", S2Level::Fast, &mut stream);
    for chunk in [1, 7, 100] {
        assert_eq!(unpack_in(chunk, &stream), Ok(b"hello".to_vec()));
    }
}

#[test]
fn other_bytes_are_refused() {
    for (stream, error) in [
        (&b"INFO {}\r\n"[..], S2Error::Corrupt),
        (b"\x01\x09\x00\x00\xbb\x1f\x1c\x19hello", S2Error::Corrupt),
        (b"\xff\x06\x00\x00S2sTwX", S2Error::Corrupt),
        (b"\xff\x07\x00\x00S2sTwO.", S2Error::Corrupt),
        (b"\xff\x06\x00\x00S2sTwO\x02\x00\x00\x00", S2Error::Unsupported),
        (b"\xff\x06\x00\x00S2sTwO\x01\x09\x00\x00\xbb\x1f\x1c\x18hello", S2Error::Checksum),
        (b"\xff\x06\x00\x00S2sTwO\x00\x03\x00\x00abc", S2Error::Corrupt),
        (b"\xff\x06\x00\x00S2sTwO\x00\xff\xff\xff", S2Error::Corrupt),
        // Announces 4 GB in five bytes.
        (b"\xff\x06\x00\x00S2sTwO\x00\x0a\x00\x00....\xff\xff\xff\xff\x0fx", S2Error::Unsupported),
    ] {
        assert_eq!(unpack_in(1, stream), Err(error), "{}", stream.escape_ascii());
    }
}

#[test]
fn a_small_input_does_not_fill_the_memory_at_once() {
    let (mut encoder, mut packed) = (S2Encoder::default(), Vec::new());
    encoder.encode(&vec![0; 8 << 20], S2Level::Fast, &mut packed);
    let (mut decoder, mut packed, mut plain) = (S2Decoder::default(), BytesMut::from(&packed[..]), BytesMut::new());
    assert!(packed.len() < 1 << 20);
    assert_eq!(decoder.decode(&mut packed, &mut plain), Ok(true));
    assert!(plain.len() <= ENOUGH + WRITTEN_BLOCK);
}

proptest! {
    #[test]
    fn any_bytes_survive_any_cut(plain in prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, 255]), 0..3000), chunk in 1usize..50, level in 0usize..4) {
        let (mut encoder, mut packed) = (S2Encoder::default(), Vec::new());
        encoder.encode(&plain, LEVELS[level], &mut packed);
        prop_assert_eq!(unpack_in(chunk, &packed), Ok(plain));
    }

    #[test]
    fn damage_is_never_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), plain in "[ab]{0,200}", at in any::<prop::sample::Index>()) {
        prop_assert!(unpack_in(3, &bytes).is_err() || bytes.len() < 4);
        let mut packed = Vec::new();
        S2Encoder::default().encode(plain.as_bytes(), S2Level::Better, &mut packed);
        if let Some(byte) = bytes.pop() {
            let at = at.index(packed.len());
            packed[at] = byte;
        }
        let _ = unpack_in(5, &packed);
    }
}
