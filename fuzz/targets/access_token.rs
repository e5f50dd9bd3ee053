//! Access tokens: arbitrary text, and correctly signed tokens with arbitrary claims (auth §2).
//!
//! Input: the text of a token; or, after a first byte 0x00, a header and a payload separated by 0x00, signed here.
#![no_main]

use std::sync::LazyLock;

use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_auth::{Caller, KeySet, TokenError, TokenRules, UnverifiedToken};
use less_sync_core::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_767_225_600;
const KEY_ID: &str = "key-1";
const HEADER: &str = r#"{"alg":"ES256","kid":"key-1"}"#;

static KEY: LazyLock<IssuerKey> = LazyLock::new(|| IssuerKey::from_bytes(KEY_ID, &[7; 32]).unwrap());
static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::parse(jwks_document([&*KEY]).to_string().as_bytes()).unwrap());
static RULES: LazyLock<TokenRules> = LazyLock::new(TokenRules::default);

fuzz_target!(|input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else { return };
    let Some(parts) = text.strip_prefix('\0') else {
        assert!(verify(text).is_err(), "a forged token was accepted");
        return;
    };
    let (header, payload) = parts.split_once('\0').unwrap_or((HEADER, parts));
    if let Ok(caller) = verify(&KEY.sign_text(header, payload)) {
        check(&caller);
    }
});

fn verify(token: &str) -> Result<Caller, TokenError> {
    let token = UnverifiedToken::parse(token)?;
    let key = KEYS.key(KEY_ID).unwrap();
    token.verify(key, &RULES, Timestamp::from_seconds(NOW))
}

/// Asserts the invariants of every accepted token.
fn check(caller: &Caller) {
    for name in [caller.user_id.as_str(), caller.client_id.as_str()] {
        assert!((1..=255).contains(&name.len()) && !name.contains('\0'));
    }
    assert!(!caller.issuer.ends_with('/'));
    assert!(caller.personal_space.is_some_and(|space| space.is_derived()));
    assert!((NOW - 60..=NOW + 86_460).contains(&caller.expires_at.seconds()));
}
