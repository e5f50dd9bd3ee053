//! The session token cases of the specification, and what they leave open.

use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn outcome(inputs: &Value) -> Value {
    let tokens = match SessionTokens::new(&unhex(text(&inputs["key_hex"]))) {
        Ok(tokens) => tokens,
        Err(error) => return json!({ "result": error.class() }),
    };
    let now = Timestamp::from_seconds(inputs["now"].as_i64().unwrap());
    let token = unhex(text(&inputs["token_hex"]));
    match tokens.verify_for(&token, text(&inputs["space_id"]), now) {
        Ok(session) => json!({
            "result": "ok",
            "permission": format!("{:?}", session.permission).to_lowercase(),
            "expires": session.expires_at.seconds(),
        }),
        Err(error) => json!({ "result": error.class() }),
    }
}

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../../vectors/session.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn every_token_has_the_outcome_of_its_vector() {
    let cases = vectors();
    assert_eq!(cases.len(), 22);
    for case in cases {
        assert_eq!(outcome(&case["inputs"]), case["expected"], "{}", case["name"]);
    }
}

/// The vectors that live for 15 minutes, byte by byte.
#[test]
fn a_token_is_minted_as_its_vector() {
    let mut minted = 0;
    for case in vectors().iter().filter(|case| case["expected"]["expires"] == 1_767_226_500) {
        let inputs = &case["inputs"];
        let token = unhex(text(&inputs["token_hex"]));
        let tokens = SessionTokens::new(&unhex(text(&inputs["key_hex"]))).unwrap();
        let space = text(&inputs["space_id"]).parse().unwrap();
        let nonce = token[10..26].try_into().unwrap();
        let permission = Permission::try_from(token[9]).unwrap();
        assert_eq!(tokens.mint(space, permission, nonce, NOW)[..], token[..], "{}", case["name"]);
        minted += 1;
    }
    assert_eq!(minted, 3);
}

/// auth §18.4 "round trip", "TTL readable; short key rejected"
#[test]
fn a_token_lives_for_the_lifetime_of_its_manager() {
    let space = SpaceId::from_bytes([1; 16]);
    let tokens = SessionTokens::with_lifetime(&[7; 32], Duration::from_mins(1)).unwrap();
    assert_eq!(tokens.lifetime(), Duration::from_mins(1));
    let token = tokens.mint(space, Permission::Write, [2; 16], NOW);
    let last = NOW.plus(Duration::from_mins(1));
    let session = Session { permission: Permission::Write, expires_at: last };
    assert_eq!(tokens.verify(&token, space, last), Ok(session));
    assert_eq!(tokens.verify(&token, space, last.plus(Duration::from_secs(1))), Err(SessionError::Expired));
    assert_eq!(tokens.verify(&token, SpaceId::from_bytes([2; 16]), NOW), Err(SessionError::Invalid));
}

#[test]
fn no_bit_of_a_token_can_be_changed() {
    let space = SpaceId::from_bytes([1; 16]);
    let tokens = SessionTokens::new(&[7; 32]).unwrap();
    let token = tokens.mint(space, Permission::Read, [2; 16], NOW);
    for bit in 0..LENGTH * 8 {
        let mut changed = token;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(tokens.verify(&changed, space, NOW), Err(SessionError::Invalid), "bit {bit}");
    }
    for length in 0..LENGTH {
        assert_eq!(tokens.verify(&token[..length], space, NOW), Err(SessionError::Invalid), "{length} bytes");
    }
}

/// auth §18.4 "TTL readable; short key rejected"
#[test]
fn a_key_has_32_bytes() {
    for length in (0..64).filter(|length| *length != 32) {
        assert_eq!(SessionTokens::new(&vec![7; length]).err(), Some(InvalidKeyLength), "{length}");
    }
}
