//! `vectors/ratelimit.json`: under which hash an actor is stored, and what is a key for it.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

use less_sync_auth::{Caller, IdentityHashKey, Scopes};
use less_sync_core::{Cid, Timestamp};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/ratelimit.json")).unwrap()
}

fn caller(issuer: &str, user: &str) -> Caller {
    Caller {
        issuer: issuer.into(),
        user_id: user.parse().unwrap(),
        client_id: "client-1".parse().unwrap(),
        scopes: Scopes::default(),
        did: None,
        mailbox_id: None,
        personal_space: None,
        expires_at: Timestamp::from_seconds(0),
        token_id: None,
    }
}

/// P-228: deterministic, separated by a zero byte, different for every issuer, user and key.
#[test]
fn every_actor_has_the_stated_hash() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 8);
    for case in cases {
        let inputs = &case["inputs"];
        let text = |name: &str| inputs[name].as_str().unwrap();
        if text("user_id").is_empty() {
            // No caller has this user id.
            continue;
        }
        let key: IdentityHashKey = text("key_hex").parse().unwrap();
        let hash = key.actor(&caller(text("issuer"), text("user_id")));
        let expected: Cid = case["expected"]["actor_hash"].as_str().unwrap().parse().unwrap();
        assert_eq!(&hash, expected.as_bytes(), "{}", case["name"]);
    }
}

/// Storage §3.20: an owner cannot be recognised as the actor of a rate-limited action.
#[test]
fn owner_is_hashed_in_a_domain_of_its_own() {
    let digits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let key: IdentityHashKey = digits.parse().unwrap();
    let user = caller("https://accounts.example.com", "user-1");
    let expected: Cid = "8f9ccd695b651f63d08dea13623d57d580c25d454f9e5b473e218abbc387ae76".parse().unwrap();
    assert_eq!(&key.owner(&user), expected.as_bytes());
    assert_ne!(key.owner(&user), key.actor(&user));
    assert_ne!(key.owner(&user), key.owner(&caller("https://accounts.example.com", "user-2")));
}

#[test]
fn every_setting_is_a_key_or_a_mistake() {
    let vectors = vectors();
    for case in vectors["identity_hash_key_setting"].as_array().unwrap() {
        let Some(value) = case["inputs"]["value"].as_str().filter(|value| !value.is_empty()) else {
            assert_eq!(case["expected"]["result"], "unset");
            continue;
        };
        let result = if value.parse::<IdentityHashKey>().is_ok() { "ok" } else { "error" };
        assert_eq!(case["expected"]["result"], result, "{}", case["name"]);
    }
}
