//! Spellings of domains and key ids.

use less_sync_auth::federation::KeyId;
use less_sync_core::domain::canonical_domain;
use proptest::prelude::*;

use crate::vectors::{http_signatures, list, subscribe_tokens, text};

#[test]
fn every_domain_has_the_canonical_form_of_its_vector() {
    let vectors = subscribe_tokens();
    assert_eq!(list(&vectors["domains"]).len(), 15);
    for case in list(&vectors["domains"]) {
        assert_eq!(canonical_domain(text(&case["input"])), text(&case["expected"]), "{case}");
    }
}

#[test]
fn every_key_id_names_the_peer_of_its_vector() {
    let vectors = http_signatures();
    assert_eq!(list(&vectors["keyids"]).len(), 11);
    for case in list(&vectors["keyids"]) {
        let peer = text(&case["keyid"]).parse::<KeyId>().ok().map(|id| id.peer().to_string());
        assert_eq!(peer.as_deref(), case["expected_domain"].as_str(), "{case}");
    }
}

proptest! {
    /// Federation T-001: the canonical form is a fixed point.
    #[test]
    fn canonical_form_is_idempotent(text in "[a-zA-Z0-9.:/\\[\\]-]{0,40}") {
        let once = canonical_domain(&text);
        prop_assert_eq!(canonical_domain(&once), once.clone());
    }

    #[test]
    fn no_text_makes_the_parser_of_key_ids_panic(text in "\\PC{0,80}") {
        let _ = text.parse::<KeyId>();
    }
}
