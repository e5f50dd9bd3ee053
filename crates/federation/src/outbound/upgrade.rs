//! Signed upgrade request of a link (federation §7.1, §7.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use less_sync_auth::federation::http_signature::{OutgoingRequest, sign};
use less_sync_core::Timestamp;
use url::Url;

use super::dialer::DialRequest;
use super::target::Target;
use crate::own_keys::SigningIdentity;

/// Both subprotocol names, the preferred one first (federation §0).
pub(super) const SUBPROTOCOLS: [&str; 2] = ["less-rpc-v1", "betterbase-rpc-v1"];

const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// Scheme in the signed URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignedScheme {
    /// Scheme of the dialled URL.
    Dialled,
    /// `ws`, as original listeners rebuild it.
    Ws,
}

/// Builds the upgrade request for `target`, signed at `now`. `nonce`: random bytes of `Sec-WebSocket-Key`. `None` for a URL that
/// cannot be signed.
pub(super) fn request(
    target: &Target,
    scheme: SignedScheme,
    identity: &SigningIdentity,
    now: Timestamp,
    nonce: [u8; 16],
    max_message: usize,
) -> Option<DialRequest> {
    let key = STANDARD.encode(nonce);
    let signed = signed_url(&target.url, scheme)?;
    let headers = [("sec-websocket-key", key.as_str())];
    let request = OutgoingRequest { method: "GET", url: &signed, headers: &headers };
    let signature = sign(&request, &identity.key_id, &identity.key, now)?;
    let text = |value: &str| HeaderValue::from_str(value).ok();
    let headers = vec![
        (SEC_WEBSOCKET_KEY, text(&key)?),
        (SEC_WEBSOCKET_PROTOCOL, text(&SUBPROTOCOLS.join(", "))?),
        (SIGNATURE_INPUT, text(&signature.signature_input)?),
        (SIGNATURE, text(&signature.signature)?),
    ];
    Some(DialRequest { url: target.url.clone(), headers, is_guarded: target.is_guarded, max_message })
}

fn signed_url(url: &Url, scheme: SignedScheme) -> Option<Url> {
    let mut signed = url.clone();
    if scheme == SignedScheme::Ws {
        signed.set_scheme("ws").ok()?;
    }
    Some(signed)
}
