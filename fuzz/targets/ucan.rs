//! UCANs: arbitrary text, and correctly signed chains with arbitrary claims (auth §6).
//!
//! Input: the text of a UCAN; or, after a first byte 0x00, payloads separated by 0x00, each signed here by the owner of the
//! space. In a payload, `OWNER` is replaced by the DID of the owner, and `PROOF` by the preceding token.
#![no_main]

use std::sync::LazyLock;

use less_sync_auth::ucan::{
    self, Audience, Expectations, MAX_CHAIN_TOKENS, MAX_UCAN_BYTES, UcanError, UcanKey, VerifiedChain,
};
use less_sync_core::{Permission, SpaceId, Timestamp};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_767_225_600;
const HEADER: &str = r#"{"alg":"ES256","typ":"JWT"}"#;
const SPACE: SpaceId = SpaceId::from_bytes([
    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x41, 0x11, 0x81, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
]);

static OWNER: LazyLock<UcanKey> = LazyLock::new(|| UcanKey::from_bytes(&[7; 32]).unwrap());

fuzz_target!(|input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else { return };
    let Some(payloads) = text.strip_prefix('\0') else {
        assert!(verify(text).is_err(), "a forged chain was accepted");
        return;
    };
    let token = payloads.split('\0').take(MAX_CHAIN_TOKENS + 2).fold(String::new(), sign);
    if let Ok(chain) = verify(&token) {
        check(&chain);
    }
});

/// Signs a payload. A proof above the size limit is returned unchanged, so that chains do not grow without bound.
fn sign(proof: String, payload: &str) -> String {
    if proof.len() > MAX_UCAN_BYTES {
        return proof;
    }
    OWNER.sign_text(HEADER, &payload.replace("OWNER", OWNER.did().as_str()).replacen("PROOF", &proof, 2))
}

fn verify(token: &str) -> Result<VerifiedChain, UcanError> {
    let now = Timestamp::from_seconds(NOW);
    let chain = ucan::verify(token, &expected(), now)?;
    assert_eq!(chain.check(&expected(), now), Ok(()), "the cached verdict differs");
    Ok(chain)
}

fn expected() -> Expectations<'static> {
    Expectations {
        audience: Audience::Caller(OWNER.did()),
        permission: Permission::Read,
        space: SPACE,
        root_key: OWNER.root_key(),
    }
}

/// Asserts the invariants of every accepted chain.
fn check(chain: &VerifiedChain) {
    assert_eq!(chain.audience(), OWNER.did());
    assert!(chain.expires_at().seconds() >= NOW);
    assert!((1..=MAX_CHAIN_TOKENS).contains(&(chain.cids().len() / 2)));
}
