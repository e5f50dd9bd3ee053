//! Sequences of the same signature (federation TH-2, T-401).

use std::time::Duration;

use less_sync_auth::federation::http_signature::{
    OutgoingRequest, ReceivedRequest, SignatureError, SignatureInput, SignaturePolicy, VerifiedSignature,
    sign,
};
use less_sync_auth::federation::replay::{ReplayLimits, ReplayMemory};
use less_sync_auth::federation::{KeyId, SigningKey};
use less_sync_core::Timestamp;

use crate::vectors::{http_signatures, list, seconds, text, verdict, verify};

const NOW: i64 = 1_767_225_600;

#[test]
fn th_2_every_sequence_has_the_verdicts_of_its_vector() {
    let vectors = http_signatures();
    assert_eq!(list(&vectors["replay_sequences"]).len(), 4);
    for sequence in list(&vectors["replay_sequences"]) {
        let mut memory = ReplayMemory::default();
        for step in list(&sequence["steps"]) {
            let now = seconds(&step["now"]);
            let result = verify(&vectors, &step["request"], now).and_then(|verified| {
                if memory.admit(&verified, now) { Ok(()) } else { Err(SignatureError::Replayed) }
            });
            assert_eq!(verdict(&result), text(&step["expected"]), "{} at {}", sequence["name"], step["now"]);
        }
    }
}

/// Signature of `peer`, created `at` seconds after [`NOW`]; bound to the request when `websocket_key` is given.
fn signature(peer: &str, at: i64, websocket_key: Option<&str>) -> VerifiedSignature {
    let key = SigningKey::from_seed(&[7; 32]);
    let key_id: KeyId = format!("https://{peer}/.well-known/jwks.json#k").parse().unwrap();
    let url = "wss://home.example/api/v1/federation/ws".parse().unwrap();
    let covered: Vec<(&str, &str)> =
        websocket_key.map(|key| ("sec-websocket-key", key)).into_iter().collect();
    let now = Timestamp::from_seconds(NOW + at);
    let signed =
        sign(&OutgoingRequest { method: "GET", url: &url, headers: &covered }, &key_id, &key, now).unwrap();
    let mut headers = vec![
        ("host", "home.example"),
        ("signature-input", &*signed.signature_input),
        ("signature", &*signed.signature),
    ];
    headers.extend(covered);
    let request = ReceivedRequest { method: "GET", target: "/api/v1/federation/ws", headers: &headers };
    let input = SignatureInput::parse(&request, &SignaturePolicy::default(), now).unwrap();
    input.verify(&[key.public()]).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds)
}

/// Federation AU-7: a signature is remembered as long as it would be accepted.
#[test]
fn au_7_signatures_are_remembered_for_their_whole_window() {
    let mut memory = ReplayMemory::default();
    let bound = signature("peer.example", 60, Some("key"));
    assert!(memory.admit(&bound, at(0)));
    assert!(!memory.admit(&bound, at(360)));
    assert!(memory.admit(&bound, at(361)), "forgotten; the time of the signature rejects it");
    assert_eq!(memory.len(), 1);
}

#[test]
fn au_7_memory_of_a_peer_is_bounded_and_its_flood_forgets_no_signature_of_others() {
    let mut memory = ReplayMemory::new(ReplayLimits { per_peer: 3, ..ReplayLimits::default() });
    let other = signature("other.example", 0, Some("key"));
    assert!(memory.admit(&other, at(0)));
    for number in 0..20 {
        assert!(memory.admit(&signature("peer.example", 0, Some(&number.to_string())), at(0)));
    }
    assert_eq!(memory.len(), 4);
    assert!(!memory.admit(&other, at(0)));
    assert!(memory.admit(&signature("peer.example", 0, Some("0")), at(0)), "the oldest is forgotten first");
    assert!(!memory.admit(&signature("peer.example", 0, Some("19")), at(0)));
}

#[test]
fn peers_without_recent_signatures_leave_the_memory() {
    let mut memory = ReplayMemory::default();
    assert!(memory.admit(&signature("old.example", 0, None), at(0)));
    assert!(memory.admit(&signature("new.example", 361, None), at(361)));
    assert_eq!(memory.len(), 1);
}

/// Federation AU-9.
#[test]
fn au_9_unbound_signatures_are_rejected_when_bound_ones_are_required() {
    let policy = SignaturePolicy { require_bound: true, ..SignaturePolicy::default() };
    let (key, url) = (SigningKey::from_seed(&[7; 32]), "wss://home.example/x".parse().unwrap());
    let key_id: KeyId = "https://peer.example/jwks.json#k".parse().unwrap();
    for (covered, expected) in
        [(vec![], Some(SignatureError::MissingComponent)), (vec![("sec-websocket-key", "key")], None)]
    {
        let request = OutgoingRequest { method: "GET", url: &url, headers: &covered };
        let signed = sign(&request, &key_id, &key, at(0)).unwrap();
        let headers = [
            ("host", "home.example"),
            ("sec-websocket-key", "key"),
            ("signature-input", &*signed.signature_input),
            ("signature", &*signed.signature),
        ];
        let request = ReceivedRequest { method: "GET", target: "/x", headers: &headers };
        assert_eq!(SignatureInput::parse(&request, &policy, at(0)).err(), expected);
    }
}

#[test]
fn wider_future_window_admits_peers_whose_clock_runs_ahead() {
    let policy = SignaturePolicy { max_ahead: Duration::from_mins(5), ..SignaturePolicy::default() };
    let vectors = http_signatures();
    let case =
        list(&vectors["cases"]).iter().find(|case| case["name"] == "created_61_seconds_ahead").unwrap();
    let headers: Vec<(&str, &str)> =
        list(&case["inputs"]["headers"]).iter().map(|line| (text(&line[0]), text(&line[1]))).collect();
    let request = ReceivedRequest { method: "GET", target: "/api/v1/federation/ws", headers: &headers };
    assert!(SignatureInput::parse(&request, &policy, at(0)).is_ok());
}
