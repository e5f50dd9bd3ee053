//! Bounds on the cost of verifying hostile chains.

use less_sync_auth::P256Key;
use less_sync_auth::did_key::InvalidDidKey;
use less_sync_auth::ucan::{self, InvalidUcan, MAX_CHAIN_TOKENS, MAX_UCAN_BYTES, UcanError};
use less_sync_core::{Permission, Timestamp};
use serde_json::{Value, json};

use super::chains::{MEMBERS, NOW, chain, claims, expected, rejection, verify};

/// Counts the signatures that are asked about and the bytes under them. All are called good: the worst case.
fn work(token: &str, depth: usize) -> (usize, usize, Result<(), UcanError>) {
    let (mut signatures, mut bytes) = (0, 0);
    let judge = |_: &P256Key, signed: &[u8], _: &[u8]| {
        signatures += 1;
        bytes += signed.len();
        true
    };
    let now = Timestamp::from_seconds(NOW);
    let result = ucan::verify_by(judge, token, &expected(depth, Permission::Read), now).map(drop);
    (signatures, bytes, result)
}

/// S-05, S-07.
#[test]
fn no_text_costs_more_than_eight_signatures_and_four_times_its_size() {
    for depth in 1..=12 {
        let token = chain(&vec![(Permission::Read, 0); depth]);
        let (signatures, bytes, result) = work(&token, depth);
        assert_eq!(signatures, depth.min(MAX_CHAIN_TOKENS));
        assert!(bytes < 4 * token.len());
        let expected = match token.len() {
            MAX_UCAN_BYTES.. => Err(InvalidUcan::TooLong.into()),
            _ if depth > MAX_CHAIN_TOKENS => Err(UcanError::ChainTooDeep),
            _ => Ok(()),
        };
        assert_eq!(result, expected, "{depth}");
    }
}

/// S-05, S-06: lists, nesting and texts as large as a token may be.
#[test]
fn bombs_are_rejected_or_read_once() {
    let header = r#"{"alg":"ES256"}"#;
    let with = |changes: Value| rejection(header, &claims(&changes).to_string());
    let many = vec!["a"; 10_000];
    assert_eq!(with(json!({ "prf": many })), InvalidUcan::Proofs.into());
    assert_eq!(with(json!({ "prf": vec![""; 10_000] })), InvalidUcan::Proofs.into());
    assert_eq!(with(json!({ "aud": many })), UcanError::IdentityMismatch);
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(with(json!({ "x": nested(31), "nonce": "" })), InvalidUcan::Nonce.into());
    assert_eq!(with(json!({ "x": nested(32) })), InvalidUcan::Malformed.into());
    assert_eq!(
        with(json!({ "iss": format!("did:key:z{}", "1".repeat(40_000)) })),
        InvalidUcan::Issuer(InvalidDidKey::InputTooLong).into()
    );
    let long = "a".repeat(MAX_UCAN_BYTES + 1);
    assert_eq!(verify(&long, 1, Permission::Read), Err(InvalidUcan::TooLong.into()));
    let dots = ".".repeat(MAX_UCAN_BYTES);
    assert_eq!(verify(&dots, 1, Permission::Read), Err(InvalidUcan::Malformed.into()));
}

/// A root token of exactly `size` bytes, or one more where base64url has no text of that length.
fn padded(size: usize) -> String {
    let token = |filler: usize| {
        let payload = claims(&json!({ "x": "x".repeat(filler) })).to_string();
        MEMBERS[0].sign_text(r#"{"alg":"ES256"}"#, &payload)
    };
    let missing = size - token(0).len();
    (missing * 3 / 4..missing).map(token).find(|token| token.len() >= size).unwrap()
}

#[test]
fn the_largest_token_has_65_536_bytes() {
    let largest = padded(MAX_UCAN_BYTES);
    assert_eq!(largest.len(), MAX_UCAN_BYTES);
    assert!(verify(&largest, 1, Permission::Write).is_ok());
    assert_eq!(verify(&padded(MAX_UCAN_BYTES + 1), 1, Permission::Write), Err(InvalidUcan::TooLong.into()));
}
