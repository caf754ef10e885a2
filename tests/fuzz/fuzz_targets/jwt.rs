//! Tokens out of any bytes: never a panic, and what nobody signed is never read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use troupe_codecs::jwt::{
    AccountClaims, ActivationClaims, Claims, DeletionClaims, OperatorClaims, ResponseClaims, UserClaims, decode,
    undecorated,
};

fuzz_target!(|text: &str| {
    let text = undecorated(text);
    assert!(decode::<UserClaims>(text).is_err());
    let _ = decode::<AccountClaims>(text);
    let _ = decode::<ActivationClaims>(text);
    let _ = decode::<OperatorClaims>(text);
    assert!(decode::<ResponseClaims>(text).is_err());
    assert!(decode::<DeletionClaims>(text).is_err());
    // The claims behind the signature, as an issuer could have signed them.
    let _ = serde_json::from_str::<Claims<AccountClaims>>(text);
    let _ = serde_json::from_str::<Claims<UserClaims>>(text);
    let _ = serde_json::from_str::<Claims<ResponseClaims>>(text);
    let _ = serde_json::from_str::<Claims<DeletionClaims>>(text);
});
