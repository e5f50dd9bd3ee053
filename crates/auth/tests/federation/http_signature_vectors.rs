//! Signatures of the specification: made by us byte for byte, and the verdict on received ones.

use less_sync_auth::federation::http_signature::{OutgoingRequest, host_header, sign};
use less_sync_auth::federation::key_set::{KidForm, key_set_document};
use less_sync_auth::federation::{KeyId, PeerKey};
use url::Url;

use crate::vectors::{http_signatures, list, seconds, signing_key, text, verdict, verify};

#[test]
fn every_test_key_has_the_public_key_of_its_vector() {
    for key in http_signatures()["test_keys"].as_object().unwrap().values() {
        assert_eq!(signing_key(&key["seed_hex"]).public().to_base64url(), text(&key["public_b64url"]));
    }
}

#[test]
fn every_request_is_signed_as_its_vector_says() {
    let vectors = http_signatures();
    assert_eq!(list(&vectors["sign"]).len(), 4);
    for case in list(&vectors["sign"]) {
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let url: Url = text(&inputs["dial_url"]).parse().unwrap();
        let bound: Vec<(&str, &str)> =
            inputs["sec_websocket_key"].as_str().map(|key| ("sec-websocket-key", key)).into_iter().collect();
        let request = OutgoingRequest { method: "GET", url: &url, headers: &bound };
        let key_id = text(&inputs["keyid"]).parse().unwrap();
        let key = signing_key(&inputs["seed_hex"]);
        let signed = sign(&request, &key_id, &key, seconds(&inputs["created"])).unwrap();
        assert_eq!(host_header(&url).unwrap(), text(&expected["Host"]), "{}", case["name"]);
        assert_eq!(signed.signature_input, text(&expected["Signature-Input"]), "{}", case["name"]);
        assert_eq!(signed.signature, text(&expected["Signature"]), "{}", case["name"]);
    }
}

#[test]
fn every_signature_has_the_verdict_of_its_vector() {
    let vectors = http_signatures();
    assert_eq!(list(&vectors["cases"]).len(), 67);
    for case in list(&vectors["cases"]) {
        let result = verify(&vectors, &case["inputs"], seconds(&case["inputs"]["now"]));
        assert_eq!(verdict(&result), text(&case["expected"]["result"]), "{}", case["name"]);
        let peer = result.ok().map(|verified| verified.peer().to_string());
        assert_eq!(peer.as_deref(), case["expected"]["peer_domain"].as_str(), "{}", case["name"]);
    }
}

/// Federation KY-2.
#[test]
fn ky_2_published_key_set_has_the_text_of_its_vector() {
    let vectors = http_signatures();
    let published = &vectors["federation_jwks"];
    let keys: Vec<(KeyId, PeerKey)> = list(&published["document"]["keys"])
        .iter()
        .map(|key| (text(&key["kid"]).parse().unwrap(), PeerKey::from_base64url(text(&key["x"])).unwrap()))
        .collect();
    let document = |keys: &[_], form| String::from_utf8(key_set_document(keys, form)).unwrap();
    assert_eq!(document(&keys, KidForm::Full), text(&published["document_text"]));
    assert_eq!(document(&[], KidForm::Both), text(&published["empty_document_text"]));
    let both: serde_json::Value = serde_json::from_str(&document(&keys, KidForm::Both)).unwrap();
    let kids: Vec<&str> = list(&both["keys"]).iter().map(|key| text(&key["kid"])).collect();
    assert_eq!(kids, [keys[0].0.as_str(), keys[1].0.as_str(), "fed-1", "fed-2"]);
}

#[test]
fn every_trusted_key_of_the_vectors_is_a_key() {
    for key in http_signatures()["trusted_keys"].as_object().unwrap().values() {
        assert_eq!(PeerKey::from_base64url(text(key)).unwrap().to_base64url(), text(key));
    }
}
