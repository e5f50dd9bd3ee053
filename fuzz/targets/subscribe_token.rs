//! Federation subscribe tokens, and key sets of peers.
#![no_main]

use less_sync_auth::federation::peer_key_set::PeerKeySet;
use less_sync_auth::federation::subscribe_token::{DomainHash, MAX_LIFETIME, SubscribeTokens};
use less_sync_core::{PeerId, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let tokens = SubscribeTokens::new(b"secret", None, MAX_LIFETIME);
    let Ok(peer) = PeerId::from_host("peer.example") else { return };
    let text = String::from_utf8_lossy(input);
    let _rejected = tokens.verify(&text, DomainHash::from(&peer), Timestamp::from_seconds(0));
    let _rejected = PeerKeySet::parse(input);
});
