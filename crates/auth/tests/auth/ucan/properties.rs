//! Properties of every chain: rights never widen, and no modification verifies.

use less_sync_auth::ucan::{self, Expectations, MAX_CHAIN_TOKENS, UcanError};
use less_sync_core::{Permission, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::chains::{CHAIN, Link, MEMBERS, NOW, chain, claims, expected, space, verify};

fn any_permission() -> impl Strategy<Value = Permission> {
    prop::sample::select(&Permission::ALL[..])
}

fn any_links() -> impl Strategy<Value = Vec<Link>> {
    prop::collection::vec((any_permission(), -1..3_i64), 1..=10)
}

/// Links of which none widens the one before.
fn narrowing_links() -> impl Strategy<Value = Vec<Link>> {
    (any_links()).prop_map(|mut links| {
        links.truncate(MAX_CHAIN_TOKENS);
        links.sort_by_key(|(permission, _)| std::cmp::Reverse(*permission));
        let mut lifetimes: Vec<_> = links.iter().map(|(_, lifetime)| lifetime.abs()).collect();
        lifetimes.sort_unstable_by_key(|lifetime| std::cmp::Reverse(*lifetime));
        links.into_iter().zip(lifetimes).map(|((permission, _), lifetime)| (permission, lifetime)).collect()
    })
}

#[test]
fn an_unchanged_chain_verifies() {
    assert!(verify(&CHAIN, 3, Permission::Read).is_ok());
}

/// The letter after the right one differs in the lowest bits, which the ends of segments do not use.
#[test]
fn every_byte_of_a_chain_counts() {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A";
    let token = chain(&[(Permission::Admin, 90), (Permission::Write, 60)]);
    for (index, letter) in token.char_indices() {
        let after = LETTERS.split_once(letter).and_then(|(_, rest)| rest.chars().next()).unwrap_or('A');
        let changed = format!("{}{after}{}", &token[..index], &token[index + 1..]);
        assert!(verify(&changed, 2, Permission::Read).is_err(), "byte {index}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Effective rights and expiry never exceed those of any token above.
    #[test]
    fn attenuation_never_widens(links in any_links(), required in any_permission()) {
        let depth = links.len();
        let narrows = links.windows(2).all(|pair| {
            let [(parent, parent_ends), (child, child_ends)] = pair else { unreachable!() };
            parent >= child && parent_ends >= child_ends
        });
        let (leaf, ends) = *links.last().unwrap();
        let good = narrows && depth <= MAX_CHAIN_TOKENS && leaf >= required && ends >= 0;
        let verified = verify(&chain(&links), depth, required);
        prop_assert_eq!(verified.is_ok(), good, "{:?} {:?}", links, verified);
        if let Ok(verified) = verified {
            prop_assert!(links.iter().all(|(permission, _)| *permission >= verified.permission()));
            let ends = verified.expires_at().seconds() - NOW;
            prop_assert!(links.iter().all(|(_, lifetime)| *lifetime >= ends));
        }
    }

    #[test]
    fn a_narrowing_chain_verifies(links in narrowing_links()) {
        let verified = verify(&chain(&links), links.len(), Permission::Read).unwrap();
        prop_assert_eq!(verified.permission(), links.last().unwrap().0);
        prop_assert_eq!(verified.cids().len(), 2 * links.len());
    }

    /// Another root key stored with the space, or another presenter, is rejected.
    #[test]
    fn a_chain_is_good_for_one_root_and_one_audience(other in 1..16_usize) {
        let now = Timestamp::from_seconds(NOW);
        let root_key = MEMBERS[other].root_key();
        let expected = Expectations { root_key, ..expected(3, Permission::Read) };
        prop_assert_eq!(ucan::verify(&CHAIN, &expected, now), Err(UcanError::RootMismatch));
        if other != 3 {
            prop_assert_eq!(verify(&CHAIN, other, Permission::Read), Err(UcanError::IdentityMismatch));
        }
    }
}

proptest! {
    #[test]
    fn a_changed_byte_is_noticed(index in any::<prop::sample::Index>(), byte in any::<char>()) {
        let mut letters: Vec<char> = CHAIN.chars().collect();
        *index.get_mut(&mut letters) = byte;
        let changed: String = letters.into_iter().collect();
        prop_assume!(changed != *CHAIN);
        prop_assert!(verify(&changed, 3, Permission::Read).is_err());
    }

    #[test]
    fn a_truncated_chain_is_rejected(length in 0..2000_usize) {
        prop_assume!(length < CHAIN.len());
        prop_assert!(verify(CHAIN.get(..length).unwrap(), 3, Permission::Read).is_err());
    }

    #[test]
    fn random_text_is_no_ucan(text in any::<String>()) {
        prop_assert!(verify(&text, 1, Permission::Read).is_err());
    }

    #[test]
    fn random_segments_are_no_ucan(text in "[A-Za-z0-9_-]{0,200}\\.[A-Za-z0-9_-]{0,200}\\.[A-Za-z0-9_-]{0,90}") {
        prop_assert!(verify(&text, 1, Permission::Read).is_err());
    }

    /// Signed by the owner, so that the claims themselves are judged.
    #[test]
    fn claims_are_accepted_only_if_each_is_good(payload in any_claims()) {
        let token = MEMBERS[0].sign_text(r#"{"alg":"ES256"}"#, &payload.to_string());
        prop_assert_eq!(verify(&token, 1, Permission::Write).is_ok(), are_good(&payload), "{}", payload);
    }
}

/// True if a root token with these claims lets member 1 write.
fn are_good(claims: &Value) -> bool {
    let first = |list: &Value| list.as_array().map_or_else(|| list.clone(), |list| json!(list.first()));
    let now = f64::from(u32::try_from(NOW).unwrap());
    let absent_or = |name: &str, good: fn(&Value) -> bool| claims.get(name).is_none_or(good);
    claims["iss"] == MEMBERS[0].did().as_str()
        && first(&claims["aud"]) == MEMBERS[1].did().as_str()
        && (claims["cmd"] == "/space/write" || claims["cmd"] == "/space/admin")
        && claims["with"] == format!("space:{}", space())
        && claims["exp"].as_f64().is_some_and(|exp| exp.floor() >= now)
        && claims
            .get("nbf")
            .is_none_or(|nbf| nbf.as_f64().is_some_and(|nbf| (0.0..=now).contains(&nbf.ceil())))
        && claims["nonce"].as_str().is_some_and(|nonce| !nonce.is_empty())
        && absent_or("prf", |prf| prf.as_array().is_some_and(Vec::is_empty))
}

/// Good claims, some of them replaced by values of any kind.
fn any_claims() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["aud", "cmd", "exp", "iss", "nbf", "nonce", "prf", "with"]);
    let value = prop_oneof![
        prop::sample::select(vec![json!(null), json!([]), json!(NOW), json!(NOW + 1), json!("/space/admin")]),
        prop::sample::select(vec![
            json!([MEMBERS[1].did().as_str(), "x"]),
            json!([MEMBERS[2].did().as_str()])
        ]),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
    ];
    prop::collection::btree_map(name, value, 0..4).prop_map(|changes| claims(&json!(changes)))
}
