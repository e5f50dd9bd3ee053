//! Changed and hostile input (federation TH-1, TH-3, TH-8).

use less_sync_auth::federation::http_signature::{ReceivedRequest, SignatureInput, SignaturePolicy};
use less_sync_auth::federation::subscribe_token::{DomainHash, Issue, MAX_LIFETIME, SubscribeTokens};
use less_sync_core::{Cid, PeerId, SpaceId, Timestamp};
use proptest::prelude::*;

use crate::vectors::{http_signatures, list, text, verify};

/// Federation T-402: every byte of both headers counts.
#[test]
fn th_1_no_changed_byte_of_a_signature_verifies() {
    let vectors = http_signatures();
    let case = list(&vectors["cases"]).iter().find(|case| case["name"] == "valid_wss_scheme").unwrap();
    let now = Timestamp::from_seconds(1_767_225_600);
    assert!(verify(&vectors, &case["inputs"], now).is_ok());
    for header in [1, 2] {
        let value = text(&case["inputs"]["headers"][header][1]).as_bytes();
        for position in 0..value.len() {
            let mut changed = value.to_vec();
            changed[position] ^= 1;
            let mut request = case["inputs"].clone();
            request["headers"][header][1] = String::from_utf8(changed).unwrap().into();
            assert!(
                verify(&vectors, &request, now).is_err(),
                "byte {position} of {}",
                request["headers"][header]
            );
        }
    }
}

/// Federation T-408, T-021…028.
#[test]
fn th_8_no_changed_byte_of_a_subscribe_token_verifies() {
    let tokens = SubscribeTokens::new(b"secret", None, MAX_LIFETIME);
    let now = Timestamp::from_seconds(1_767_225_600);
    let peer = DomainHash::from(&PeerId::from_host("peer.example").unwrap());
    let cids = [Cid::from_bytes([1; 32]), Cid::from_bytes([2; 32])];
    let space = SpaceId::from_bytes([0x42; 16]);
    let token = tokens.issue(&Issue { space, peer, expires: now, cids: &cids }, [9; 16]).unwrap();
    assert_eq!(tokens.verify(&token, peer, now).unwrap().cids, cids);
    for (position, letter) in token.char_indices() {
        let other = if letter == 'A' { 'B' } else { 'A' };
        let changed: String =
            token.chars().enumerate().map(|(at, kept)| if at == position { other } else { kept }).collect();
        assert!(tokens.verify(&changed, peer, now).is_err(), "character {position}");
    }
    let other_peer = DomainHash::from(&PeerId::from_host("other.example").unwrap());
    assert!(tokens.verify(&token, other_peer, now).is_err());
}

proptest! {
    #[test]
    fn no_header_makes_the_parser_panic(input in "\\PC{0,120}", signature in "\\PC{0,120}") {
        let headers = [("host", "a"), ("signature-input", input.as_str()), ("signature", signature.as_str())];
        let request = ReceivedRequest { method: "GET", target: "/", headers: &headers };
        let _ = SignatureInput::parse(&request, &SignaturePolicy::default(), Timestamp::from_seconds(0));
    }

    #[test]
    fn no_parameters_make_the_parser_panic(rest in "[ -~]{0,80}") {
        let input = format!("sig=(\"@method\" \"@target-uri\" \"host\"){rest}");
        let headers = [("host", "a"), ("signature-input", input.as_str()), ("signature", "sig=:AA==:")];
        let request = ReceivedRequest { method: "GET", target: "/", headers: &headers };
        let _ = SignatureInput::parse(&request, &SignaturePolicy::default(), Timestamp::from_seconds(0));
    }
}
