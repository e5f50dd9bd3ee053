//! The did:key cases of the specification.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read is a failure")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use less_sync_auth::{P256Key, did_key};
use proptest::prelude::*;
use serde_json::{Value, json};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/didkey.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect()
}

#[test]
fn every_did_decodes_as_its_vector_says_and_back_to_itself() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 36);
    for case in cases {
        let did = text(&case["inputs"]["did"]);
        let outcome = match did_key::decode(did) {
            Ok(key) => {
                assert_eq!(did_key::encode(&key).as_str(), did, "{}", case["name"]);
                json!({ "result": "ok", "compressed_hex": hex(&key.to_compressed()) })
            }
            Err(error) => json!({ "result": error.class() }),
        };
        assert_eq!(outcome, case["expected"], "{}", case["name"]);
    }
}

/// auth §18.1 "compressed key is 33 bytes with tag 2 or 3"
#[test]
fn every_key_has_the_text_of_its_vector() {
    let vectors = vectors();
    let cases = vectors["encode"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(text(&case["inputs"][name])).unwrap();
        let key = P256Key::from_coordinates(&coordinate("x_b64url"), &coordinate("y_b64url")).unwrap();
        let encoded =
            json!({ "compressed_hex": hex(&key.to_compressed()), "did": did_key::encode(&key).as_str() });
        assert_eq!(encoded, case["expected"], "{}", case["name"]);
    }
}

fn any_key() -> impl Strategy<Value = P256Key> {
    prop::array::uniform32(any::<u8>()).prop_filter_map("not the x of a point", |x| {
        let bytes: Vec<u8> = std::iter::once(2 + (x[0] & 1)).chain(x).collect();
        P256Key::from_compressed(bytes.as_slice().try_into().unwrap())
    })
}

proptest! {
    /// auth §18.1 "random key survives encode/decode"
    #[test]
    fn a_key_survives_its_text(key in any_key()) {
        let did = did_key::encode(&key).as_str().to_owned();
        prop_assert_eq!(did.len(), 57);
        prop_assert!(did.starts_with("did:key:zDn"));
        prop_assert_eq!(did_key::decode(&did), Ok(key));
    }

    /// S-09: equal keys have equal texts.
    #[test]
    fn a_changed_text_is_another_key_or_none(
        key in any_key(), index in any::<prop::sample::Index>(), letter in any::<char>(),
    ) {
        let did = did_key::encode(&key).as_str().to_owned();
        let mut letters: Vec<char> = did.chars().collect();
        *index.get_mut(&mut letters) = letter;
        let changed: String = letters.into_iter().collect();
        prop_assume!(changed != did);
        if let Ok(other) = did_key::decode(&changed) {
            let encoded = did_key::encode(&other);
            prop_assert_eq!(encoded.as_str(), changed);
            prop_assert_ne!(other, key);
        }
    }

    #[test]
    fn any_text_is_judged(body in "\\PC{0,300}") {
        let _ = did_key::decode(&body);
        let _ = did_key::decode(&format!("did:key:z{body}"));
    }
}
