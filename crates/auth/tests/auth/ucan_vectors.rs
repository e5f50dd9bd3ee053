//! The UCAN cases of the specification.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a vector that cannot be read is a failure"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use less_sync_auth::ucan::{
    self, Audience, Expectations, Grant, TokenCids, UcanError, UcanKey, VerifiedChain,
};
use less_sync_auth::{P256Key, RootKey};
use less_sync_core::{Cid, Did, Permission, SpaceId, Timestamp};
use serde_json::{Value, json};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/ucan.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn permission(name: &str) -> Permission {
    match name {
        "read" => Permission::Read,
        "write" => Permission::Write,
        "admin" => Permission::Admin,
        other => unreachable!("{other}"),
    }
}

/// DID in a vector. Leaked, since expectations borrow it: the test is over soon.
fn did(text: &str) -> &'static Did {
    Box::leak(Box::new(Did::try_from(text).unwrap()))
}

fn expectations(inputs: &Value) -> Expectations<'static> {
    Expectations {
        audience: Audience::Caller(did(text(&inputs["expected_audience"]))),
        permission: permission(text(&inputs["required_permission"])),
        space: text(&inputs["space_id"]).parse::<SpaceId>().unwrap(),
        root_key: RootKey::try_from(&unhex(text(&inputs["root_public_key_hex"]))[..]).unwrap(),
    }
}

fn now(inputs: &Value) -> Timestamp {
    Timestamp::from_seconds(inputs["now"].as_i64().unwrap())
}

/// The checks in their order, as a server runs them: the store of revocations is asked last.
fn authorize(inputs: &Value) -> Result<VerifiedChain, UcanError> {
    let chain = ucan::verify(text(&inputs["token"]), &expectations(inputs), now(inputs))?;
    let revoked: Vec<_> = inputs["revoked_cids"].as_array().unwrap().iter().map(text).collect();
    chain.check_revocation(|cids| match inputs["revocation_store"].as_str() {
        Some("unavailable") => Err("unavailable"),
        _ => Ok(cids.iter().any(|cid| revoked.contains(&cid.to_hex().as_str()))),
    })?;
    Ok(chain)
}

fn outcome(result: &Result<VerifiedChain, UcanError>) -> Value {
    let chain = match result {
        Ok(chain) => chain,
        Err(error) => return json!({ "result": error.class() }),
    };
    let (pairs, odd) = chain.cids().as_chunks::<2>();
    assert!(odd.is_empty());
    json!({
        "result": "ok",
        "chain_cids": pairs.iter().map(|[cid, _]| cid.to_hex()).collect::<Vec<_>>(),
        "chain_alternate_cids": pairs.iter().map(|[_, alternate]| alternate.to_hex()).collect::<Vec<_>>(),
    })
}

/// All rows of auth §18.3 but the one about storage.
#[test]
fn every_chain_has_the_outcome_of_its_vector() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 81);
    for case in cases {
        let result = authorize(&case["inputs"]);
        assert_eq!(outcome(&result), case["expected"], "{}: {result:?}", case["name"]);
    }
}

/// A cached chain gives the same verdicts as its text, for every case in the file about the same chain.
#[test]
fn a_verified_chain_answers_as_verifying_its_text_again_does() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    let verified: Vec<_> =
        cases.iter().filter_map(|case| Some((case, authorize(&case["inputs"]).ok()?))).collect();
    assert_eq!(verified.len(), 19);
    for (case, chain) in verified {
        let token = text(&case["inputs"]["token"]);
        for other in cases {
            let (expected, now) = (expectations(&other["inputs"]), now(&other["inputs"]));
            let again = ucan::verify(token, &expected, now).map(drop);
            assert_eq!(chain.check(&expected, now), again, "{} as in {}", case["name"], other["name"]);
        }
    }
}

#[test]
fn a_chain_that_is_verified_to_its_own_root_may_end_at_any_key() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    let mut strangers = 0;
    for case in cases {
        let inputs = &case["inputs"];
        let expected = Expectations { permission: Permission::Read, ..expectations(inputs) };
        let (token, now) = (text(&inputs["token"]), now(inputs));
        let known = ucan::verify(token, &expected, now).map(drop);
        let own = ucan::verify_to_own_root(P256Key::verifies, token, expected.audience, expected.space, now);
        let stranger = known == Err(UcanError::RootMismatch);
        assert_eq!(own.map(drop), if stranger { Ok(()) } else { known }, "{}", case["name"]);
        strangers += usize::from(stranger);
    }
    assert_eq!(strangers, 3);
}

#[test]
fn every_cid_is_that_of_its_vector() {
    let vectors = vectors();
    let cases = vectors["cid"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let token = text(&case["token"]);
        assert_eq!(ucan::cid(token).to_hex(), text(&case["cid"]), "{}", case["name"]);
        let alternate = case["alternate_cid"].as_str().map(|cid| cid.parse::<Cid>().unwrap());
        let expected = alternate.map(|alternate| TokenCids { cid: ucan::cid(token), alternate });
        assert_eq!(TokenCids::of(token), expected, "{}", case["name"]);
    }
}

/// The key of somebody in the file.
fn key(vectors: &Value, name: &str) -> UcanKey {
    let scalar = unhex(text(&vectors["test_keys"][name]["private_scalar_hex"]));
    UcanKey::from_bytes(scalar.as_slice().try_into().unwrap()).unwrap()
}

#[test]
fn a_key_has_the_did_and_the_root_key_of_its_vector() {
    let vectors = vectors();
    let keys = vectors["test_keys"].as_object().unwrap();
    assert_eq!(keys.len(), 11);
    for (name, public) in keys {
        let key = key(&vectors, name);
        assert_eq!(key.did().as_str(), text(&public["did"]), "{name}");
        assert_eq!(key.root_key().as_bytes()[..], unhex(text(&public["public_compressed_hex"])), "{name}");
    }
}

/// The claims of a token, read without any check.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Byte-exact output of the SDK: header and payload of the chains that it issues.
#[test]
fn a_ucan_is_issued_in_the_bytes_of_its_vector() {
    let vectors = vectors();
    let issuers = [
        ("self_issued_root_admin", "alice"),
        ("root_to_member_write", "alice"),
        ("invitation_over_self_issued_root", "alice"),
        ("two_tokens", "bob"),
        ("three_tokens_attenuating", "carol"),
    ];
    for (name, issuer) in issuers {
        let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        let token = text(&case["inputs"]["token"]);
        let claims = claims(token);
        let grant = Grant {
            audience: did(text(&claims["aud"][0])),
            permission: permission(text(&claims["cmd"]).strip_prefix("/space/").unwrap()),
            space: text(&claims["with"]).strip_prefix("space:").unwrap().parse().unwrap(),
            expires_at: Timestamp::from_seconds(claims["exp"].as_i64().unwrap()),
            nonce: URL_SAFE_NO_PAD.decode(text(&claims["nonce"])).unwrap().try_into().unwrap(),
        };
        let issued = key(&vectors, issuer).issue(&grant, claims["prf"][0].as_str());
        let signed = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
        assert_eq!(signed(&issued), signed(token), "{name}");
        let verified = ucan::verify(&issued, &expectations(&case["inputs"]), now(&case["inputs"]));
        assert_eq!(verified.map(drop), Ok(()), "{name}");
    }
}

#[test]
fn chains_are_as_long_as_their_vectors_say() {
    let vectors = vectors();
    let sizes = vectors["sizes"].as_object().unwrap();
    assert_eq!(sizes.len(), 9);
    let owner = key(&vectors, "alice");
    let grant = |permission| Grant {
        audience: owner.did(),
        permission,
        space: SpaceId::from_bytes([1; 16]),
        expires_at: Timestamp::from_seconds(1_775_001_600),
        nonce: [1; 16],
    };
    let mut chain = owner.issue(&grant(Permission::Admin), None);
    for depth in 1..=sizes.len() {
        assert_eq!(chain.len() as u64, sizes[&format!("chain_of_{depth}")], "{depth}");
        chain = owner.issue(&grant(Permission::Admin), Some(&chain));
    }
}
