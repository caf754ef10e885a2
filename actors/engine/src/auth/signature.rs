//! Signatures of the nonce.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use nkeys::KeyPair;

/// Go's decoders let the unused bits of the last character be anything.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    LENIENT.with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);

/// Whether `signature` (raw URL base64, or padded standard base64) is that of `nonce` by the public nkey `key`.
pub(super) fn is_signed_by(key: &str, nonce: &str, signature: &str) -> bool {
    let decoded = URL.decode(signature).or_else(|_| STANDARD.decode(signature));
    decoded.is_ok_and(|signature| verify(key, nonce, &signature))
}

/// As [`is_signed_by`] for proxies, whose signatures are raw URL base64 only.
pub(super) fn is_signed_by_proxy(key: &str, nonce: &str, signature: &str) -> bool {
    URL.decode(signature).is_ok_and(|signature| verify(key, nonce, &signature))
}

fn verify(key: &str, nonce: &str, signature: &[u8]) -> bool {
    !nonce.is_empty()
        && signature.len() == 64
        && KeyPair::from_public_key(key).is_ok_and(|pair| pair.verify(nonce.as_bytes(), signature).is_ok())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose;

    use super::*;

    #[test]
    fn accepts_the_encodings_of_the_recorded_server() {
        let pair = KeyPair::new_user();
        let key = pair.public_key();
        // Of few signatures the two alphabets write the same text.
        let signed = (0..100).map(|number| {
            let nonce = format!("KmXY4TJ5bL0Sgp{number}");
            let signature = pair.sign(nonce.as_bytes()).expect("signs");
            (nonce, signature)
        });
        let differs = |signature: &[u8]| general_purpose::URL_SAFE.encode(signature).contains(['-', '_']);
        let (nonce, signature) = { signed }.find(|(_, signature)| differs(signature)).expect("a telling signature");
        let nonce = nonce.as_str();
        let url = general_purpose::URL_SAFE_NO_PAD.encode(&signature);
        let standard = general_purpose::STANDARD.encode(&signature);
        assert!(is_signed_by(&key, nonce, &url));
        assert!(is_signed_by(&key, nonce, &standard));
        assert!(is_signed_by_proxy(&key, nonce, &url));
        assert!(!is_signed_by_proxy(&key, nonce, &standard));
        assert!(!is_signed_by(&key, nonce, &general_purpose::URL_SAFE.encode(&signature)));
        assert!(!is_signed_by(&key, "other nonce", &url));
        assert!(!is_signed_by(&KeyPair::new_user().public_key(), nonce, &url));
        for bad in ["", "abc", "!!", &url[1..]] {
            assert!(!is_signed_by(&key, nonce, bad), "{bad}");
        }
        assert!(!is_signed_by("bogus", nonce, &url));
        // Standard base64 without padding passes only when it has none of the two characters that differ.
        let unpadded = general_purpose::STANDARD_NO_PAD.encode(&signature);
        assert_eq!(is_signed_by(&key, nonce, &unpadded), unpadded == url);
    }
}
