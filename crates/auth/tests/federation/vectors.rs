//! Vector files and their requests.

use less_sync_auth::federation::http_signature::VerifiedSignature;
use less_sync_auth::federation::http_signature::{
    ReceivedRequest, SignatureError, SignatureInput, SignaturePolicy,
};
use less_sync_auth::federation::{PeerKey, SigningKey};
use less_sync_core::{PeerId, Timestamp};
use serde_json::Value;

pub(crate) fn http_signatures() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/httpsig.json")).unwrap()
}

pub(crate) fn subscribe_tokens() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/fst.json")).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

pub(crate) fn seconds(value: &Value) -> Timestamp {
    Timestamp::from_seconds(value.as_i64().unwrap())
}

pub(crate) fn signing_key(seed: &Value) -> SigningKey {
    SigningKey::from_seed(&less_sync_core::hex::decode_32(text(seed)).unwrap())
}

/// Verdict on a request of a vector with the trusted keys and domains of the file: rows 1 to 12 of auth §9.2.
pub(crate) fn verify(
    vectors: &Value,
    request: &Value,
    now: Timestamp,
) -> Result<VerifiedSignature, SignatureError> {
    let headers: Vec<(&str, &str)> =
        list(&request["headers"]).iter().map(|line| (text(&line[0]), text(&line[1]))).collect();
    let request = ReceivedRequest {
        method: text(&request["method"]),
        target: text(&request["request_target"]),
        headers: &headers,
    };
    let input = SignatureInput::parse(&request, &SignaturePolicy::default(), now)?;
    let key =
        vectors["trusted_keys"].get(input.key_id()).map(|key| PeerKey::from_base64url(text(key)).unwrap());
    let verified = input.verify(key.as_slice())?;
    let is_trusted =
        |peer: &PeerId| list(&vectors["trusted_domains"]).iter().any(|domain| domain == peer.as_str());
    if is_trusted(verified.peer()) { Ok(verified) } else { Err(SignatureError::UntrustedPeer) }
}

/// Result of a vector as a text: `ok` or the class of the rejection.
pub(crate) fn verdict<T>(result: &Result<T, SignatureError>) -> &'static str {
    result.as_ref().map_or_else(|error| error.class(), |_| "ok")
}
