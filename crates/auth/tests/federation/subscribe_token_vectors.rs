//! Subscribe tokens of the specification (federation T-021…028).

use std::time::Duration;

use less_sync_auth::federation::subscribe_token::{
    DomainHash, Issue, MAX_LIFETIME, SubscribeToken, SubscribeTokens,
};
use less_sync_core::{CanonicalDomain, Cid, Timestamp};
use serde_json::Value;

use crate::vectors::{list, seconds, subscribe_tokens, text};

fn tokens(inputs: &Value) -> SubscribeTokens {
    let previous = inputs["previous_secret"].as_str().map(str::as_bytes);
    SubscribeTokens::new(text(&inputs["primary_secret"]).as_bytes(), previous, MAX_LIFETIME)
}

fn domain(text: &str) -> DomainHash {
    DomainHash::from(&text.parse::<CanonicalDomain>().unwrap())
}

fn is_revoked(token: &SubscribeToken, revoked: &Value) -> bool {
    let revoked = revoked.as_array().into_iter().flatten();
    revoked.map(|cid| text(cid).parse::<Cid>().unwrap()).any(|cid| token.cids.contains(&cid))
}

#[test]
fn every_token_has_the_verdict_of_its_vector() {
    let vectors = subscribe_tokens();
    assert_eq!(list(&vectors["cases"]).len(), 37);
    for case in list(&vectors["cases"]) {
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let peer = domain(text(&inputs["peer_domain"]));
        let result = tokens(inputs).verify(text(&inputs["token"]), peer, seconds(&inputs["now"]));
        let verdict = match &result {
            Ok(token) if is_revoked(token, &inputs["revoked"]) => "forbidden",
            Ok(_) => "ok",
            Err(error) => error.class(),
        };
        assert_eq!(verdict, text(&expected["result"]), "{}", case["name"]);
        let Some(token) = result.ok().filter(|_| verdict == "ok") else { continue };
        assert_eq!(token.space.to_string(), text(&expected["space_id"]), "{}", case["name"]);
        assert_eq!(token.expires, seconds(&expected["expires"]), "{}", case["name"]);
        let cids: Vec<String> = token.cids.iter().map(Cid::to_hex).collect();
        assert_eq!(
            serde_json::json!(cids),
            expected.get("cids").cloned().unwrap_or_else(|| serde_json::json!([]))
        );
    }
}

#[test]
fn every_expiry_is_that_of_its_vector() {
    let vectors = subscribe_tokens();
    let tokens = SubscribeTokens::new(b"secret", None, MAX_LIFETIME);
    assert_eq!(list(&vectors["issue_expiry"]).len(), 4);
    for case in list(&vectors["issue_expiry"]) {
        let bound = case["inputs"]["ucan_exp"].as_i64().map(Timestamp::from_seconds);
        let expires = tokens.expiry(seconds(&case["inputs"]["now"]), bound);
        let expected = case["expected"]["expires"].as_i64().map(Timestamp::from_seconds);
        assert_eq!(expires, expected, "{}", case["name"]);
    }
}

#[test]
fn lifetime_of_the_setting_is_cut_at_one_day() {
    let now = Timestamp::from_seconds(1_767_225_600);
    let expiry = |lifetime| SubscribeTokens::new(b"secret", None, lifetime).expiry(now, None).unwrap();
    assert_eq!(expiry(Duration::from_secs(4)), now.plus(Duration::from_secs(4)));
    assert_eq!(expiry(Duration::from_hours(48)), now.plus(MAX_LIFETIME));
}

/// A token of version 2 with the inputs of a vector is the vector, byte for byte.
#[test]
fn issued_tokens_have_the_bytes_of_their_vector() {
    let vectors = subscribe_tokens();
    let case = list(&vectors["cases"]).iter().find(|case| case["name"] == "v2_valid").unwrap();
    let cids: Vec<Cid> =
        list(&case["expected"]["cids"]).iter().map(|cid| text(cid).parse().unwrap()).collect();
    let issue = Issue {
        space: text(&case["expected"]["space_id"]).parse().unwrap(),
        peer: domain(text(&case["inputs"]["peer_domain"])),
        expires: seconds(&case["expected"]["expires"]),
        cids: &cids,
    };
    let nonce = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let tokens = tokens(&case["inputs"]);
    assert_eq!(tokens.issue(&issue, nonce).unwrap(), text(&case["inputs"]["token"]));
    let seventeen = vec![cids[0]; 17];
    assert_eq!(tokens.issue(&Issue { cids: &[], ..issue.clone() }, nonce), None);
    assert_eq!(tokens.issue(&Issue { cids: &seventeen, ..issue }, nonce), None);
}
