//! Single rules beyond the vectors.

use less_sync_auth::did_key::InvalidDidKey;
use less_sync_auth::ucan::{self, Audience, Expectations, InvalidUcan, TokenCids, UcanError};
use less_sync_auth::{TrustedIssuer, UnverifiedToken};
use less_sync_core::{Permission, Timestamp};
use serde_json::{Value, json};

use super::chains::{CHAIN, MEMBERS, NOW, chain, claims, expected, rejection, space, verify};

/// S-08: the only other text of a signed token is the one with n − s, and both have the same two names.
#[test]
fn the_text_with_the_other_signature_verifies_under_the_same_names() {
    let token = chain(&[(Permission::Write, 60)]);
    let verified = verify(&token, 1, Permission::Write).unwrap();
    let TokenCids { cid, alternate } = TokenCids::of(&token).unwrap();
    assert_eq!(verified.cids(), [cid, alternate]);
    assert!(verified.contains(cid) && verified.contains(alternate));
    assert_eq!(ucan::cid(&token), cid);
    assert!(!verified.contains(ucan::cid("another")));
}

/// S-25: the issuer of a UCAN is a key, and trusted issuers have URLs. The other direction is a vector.
#[test]
fn a_ucan_is_no_access_token() {
    let token = UnverifiedToken::parse(&CHAIN).unwrap();
    assert!(token.issuer().starts_with("did:key:"));
    assert!(TrustedIssuer::parse(token.issuer()).is_err());
}

/// Auth §6.4: between servers whoever is named may present the chain.
#[test]
fn a_bearer_is_the_user_of_the_token() {
    let bearer = Expectations { audience: Audience::Bearer, ..expected(3, Permission::Read) };
    let now = Timestamp::from_seconds(NOW);
    let verified = ucan::verify(&CHAIN, &bearer, now).unwrap();
    assert_eq!(verified.audience(), MEMBERS[3].did());
    assert_eq!(verified.check(&bearer, now), Ok(()));
    let nobody = MEMBERS[0].sign_text(r#"{"alg":"ES256"}"#, &claims(&json!({ "aud": "" })).to_string());
    for audience in [Audience::Bearer, Audience::Caller(MEMBERS[3].did())] {
        let expected = Expectations { audience, ..bearer };
        assert_eq!(ucan::verify(&nobody, &expected, now), Err(UcanError::IdentityMismatch));
    }
}

#[test]
fn a_verified_chain_says_what_its_tokens_say() {
    let verified = verify(&CHAIN, 3, Permission::Read).unwrap();
    assert_eq!(verified.space(), space());
    assert_eq!(verified.root_key(), MEMBERS[0].root_key());
    assert_eq!(verified.permission(), Permission::Read);
    assert_eq!(verified.expires_at(), Timestamp::from_seconds(NOW + 30));
    assert_eq!(verified.cids().len(), 6);
}

/// S-11.
#[test]
fn debug_shows_nothing_of_a_chain() {
    let verified = verify(&CHAIN, 3, Permission::Read).unwrap();
    let shown =
        format!("{verified:?} {:?} {:?} {:?}", verified.cids(), expected(3, Permission::Read), MEMBERS[0]);
    let [digits, did] = [verified.cids()[0].to_hex(), MEMBERS[3].did().as_str().to_owned()];
    assert!(!shown.contains(&digits) && !shown.contains(&did) && !shown.contains("[3,"), "{shown}");
    assert_eq!(shown.matches("[redacted]").count(), 10);
}

#[test]
fn the_first_of_several_faults_decides_the_class() {
    let header = r#"{"alg":"ES256","typ":"JWT"}"#;
    let with = |changes: Value| rejection(header, &claims(&changes).to_string());
    let mut faults = json!({ "prf": ["a", "b"] });
    let mut expect = |name: &str, value: Value, rejection: UcanError| {
        faults[name] = value;
        assert_eq!(with(faults.clone()), rejection, "{name}");
    };
    expect("prf", json!(["a", "b"]), InvalidUcan::Proofs.into());
    expect("nonce", json!(""), InvalidUcan::Nonce.into());
    expect("nbf", json!(NOW + 1), InvalidUcan::NotYetValid.into());
    expect("exp", json!(NOW - 1), UcanError::Expired);
    expect("cmd", json!("/space/read"), UcanError::AttenuationViolation);
    expect("cmd", json!("/space/*"), InvalidUcan::Command.into());
    expect("with", json!("space:*"), UcanError::ResourceMismatch);
    expect("aud", json!(MEMBERS[2].did().as_str()), UcanError::IdentityMismatch);
    expect("iss", json!(MEMBERS[2].did().as_str()), InvalidUcan::Signature.into());
    expect("iss", json!("did:web:example.com"), InvalidUcan::Issuer(InvalidDidKey::MissingPrefix).into());
    expect("prf", json!("a"), InvalidUcan::Claim("prf").into());
    assert_eq!(rejection(header, "[]"), InvalidUcan::Malformed.into());
    assert_eq!(rejection(r#"{"alg":"none"}"#, "[]"), InvalidUcan::Algorithm.into());
}

/// Rejection of a child whose parent has these claims: the child lets member 2 write as long as member 1 may.
fn rejection_of_child(parent: &Value) -> UcanError {
    let header = r#"{"alg":"ES256"}"#;
    let parent = MEMBERS[0].sign_text(header, &parent.to_string());
    let child =
        json!({ "iss": MEMBERS[1].did().as_str(), "aud": [MEMBERS[2].did().as_str()], "prf": [parent] });
    let child = MEMBERS[1].sign_text(header, &claims(&child).to_string());
    verify(&child, 2, Permission::Read).unwrap_err()
}

#[test]
fn a_parent_is_compared_with_its_child_before_it_is_judged_itself() {
    let mut parent = claims(&json!({}));
    let mut expect = |name: &str, value: Value, rejection: UcanError| {
        parent[name] = value;
        assert_eq!(rejection_of_child(&parent), rejection, "{name}");
    };
    expect("prf", json!(["a", "b"]), InvalidUcan::Proofs.into());
    expect("nonce", json!(""), InvalidUcan::Nonce.into());
    expect("nbf", json!(NOW + 1), InvalidUcan::NotYetValid.into());
    expect("with", json!("space:*"), UcanError::ResourceMismatch);
    expect("exp", json!(NOW + 59), UcanError::AttenuationViolation);
    expect("cmd", json!("/space/*"), InvalidUcan::Command.into());
    expect("aud", json!([MEMBERS[2].did().as_str(), MEMBERS[1].did().as_str()]), UcanError::IdentityMismatch);
    expect("iss", json!(MEMBERS[2].did().as_str()), InvalidUcan::Signature.into());
    let mut endless = claims(&json!({ "nonce": "" }));
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(rejection_of_child(&endless), InvalidUcan::Claim("exp").into());
}

#[test]
fn claims_of_another_type_and_repeated_claims_are_rejected() {
    let header = r#"{"alg":"ES256"}"#;
    for name in ["iss", "aud", "cmd", "with", "nonce", "exp", "nbf", "prf"] {
        for value in [json!(null), json!(-1), json!(-1.5), json!({}), json!([7]), json!(true)] {
            let payload = claims(&json!({ name: value })).to_string();
            assert_eq!(rejection(header, &payload), InvalidUcan::Claim(name).into(), "{payload}");
        }
        let payload = claims(&json!({ "prf": [], "nbf": 0 })).to_string();
        let repeated = format!("{{\"{name}\":0,{}", payload.strip_prefix('{').unwrap());
        assert_eq!(rejection(header, &repeated), InvalidUcan::Malformed.into(), "{repeated}");
    }
}
