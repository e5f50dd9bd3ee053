//! Values of appendix A of the federation page.

use less_sync_auth::federation::SigningKey;
use less_sync_auth::federation::http_signature::{OutgoingRequest, sign};
use less_sync_auth::federation::subscribe_token::{DomainHash, Issue, MAX_LIFETIME, SubscribeTokens};
use less_sync_core::{Cid, PeerId, Timestamp};
use sha2::{Digest, Sha256};

fn signature(url: &str, websocket_key: Option<&str>) -> String {
    let key = SigningKey::from_seed(&[7; 32]);
    let key_id = "https://peer.example.com/.well-known/jwks.json#fed-1".parse().unwrap();
    let url = url.parse().unwrap();
    let covered: Vec<(&str, &str)> =
        websocket_key.map(|key| ("sec-websocket-key", key)).into_iter().collect();
    let request = OutgoingRequest { method: "GET", url: &url, headers: &covered };
    sign(&request, &key_id, &key, Timestamp::from_seconds(1_700_000_000)).unwrap().signature
}

/// Federation A.2, A.3, A.4.
#[test]
fn requests_are_signed_as_in_the_appendix() {
    let nonce = Some("dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(
        signature("ws://sync.example.com/api/v1/federation/ws", None),
        "sig=:b5PeO7Hgo5fryVtYczOhuWmEQ8N2ahJwl1/bRjY0nDO8fsfFnqAcTco4ciGl5+B0RVxxz2Ailu1KdzxyKAL3Bw==:"
    );
    assert_eq!(
        signature("wss://sync.example.com/api/v1/federation/ws", nonce),
        "sig=:71DLWPuwGPZZPA09uwvLvfXqCbnSpSH86tKk3opWTNGALj7BFBIZfDqjXLCRUCSWsnKlbJimOPU9Ik7MG37bDA==:"
    );
    assert_eq!(
        signature("ws://127.0.0.2:7102/api/v1/federation/ws?pow_challenge=abc&pow_nonce=42", nonce),
        "sig=:tH7sk2stl+LhRQBR6eMTFbWCm1L524QGPLxMZgrSaRitJouz7EUAKYLz9qX//ysKDovYFDn3uU5pjiG2fBGoDQ==:"
    );
}

/// Federation A.5, A.6, A.7.
#[test]
fn subscribe_tokens_are_those_of_the_appendix() {
    let tokens = SubscribeTokens::new(b"secret-a", None, MAX_LIFETIME);
    let peer = DomainHash::from(&PeerId::from_host("peer.example.com").unwrap());
    let space = "6dfe56d8-7987-439f-b044-ea19e633ef46".parse().unwrap();
    let expires = Timestamp::from_seconds(1_900_000_000);
    let first = "AQABAgMEBQYHCAkKCwwNDg9t_lbYeYdDn7BE6hnmM-9GIoaRJmXRU_mPgs9-mzbhWG1gswFap8nNsDVTIyKbEyAAAAAAcT-zAP-\
                 dYK0X-HfhhPt7y2j9d2f50_9ub7OKZFA84Oy21X8_";
    let read = tokens.verify(first, peer, expires).unwrap();
    assert_eq!((read.space, read.expires, read.cids), (space, expires, vec![]));
    let cids = [b"leaf", b"root"].map(|name| Cid::from_bytes(Sha256::digest(name).into()));
    let nonce = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let second = "AgABAgMEBQYHCAkKCwwNDg9t_lbYeYdDn7BE6hnmM-9GIoaRJmXRU_mPgs9-mzbhWG1gswFap8nNsDVTIyKbEyAAAAAAcT-zAAKf\
                  kRYfQ0M-SabebbaA159gFZ8uSskXJiGhKEZCgVhEC0gTSU0TfhYxu6MB1ayrbnu3qnTOEYXUVlZe9R1zdneyZCOl9xDV1nYQegdZ\
                  6iStkjlGCgj_vlrtAYRCXawMtLY";
    assert_eq!(tokens.issue(&Issue { space, peer, expires, cids: &cids }, nonce).as_deref(), Some(second));
}
