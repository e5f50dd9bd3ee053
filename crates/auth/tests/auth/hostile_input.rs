//! Hostile input: no panic on any bytes, and no modified token verifies (auth S-22).
#![expect(clippy::unwrap_used, reason = "the keys of these tests are good ones")]

use std::sync::LazyLock;

use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_auth::{
    Caller, InvalidToken, KeySet, MAX_TOKEN_BYTES, TokenError, TokenRules, UnverifiedToken, bearer_token,
};
use less_sync_core::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_767_225_600;

fn key() -> IssuerKey {
    IssuerKey::from_bytes("key-1", &[7; 32]).unwrap()
}

fn claims() -> Value {
    json!({ "iss": "https://id.example", "sub": "user-1", "client_id": "notes", "scope": "sync", "exp": NOW + 900 })
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| jwks_document([&key()]).to_string());
static PUBLISHED: LazyLock<KeySet> = LazyLock::new(|| KeySet::parse(DOCUMENT.as_bytes()).unwrap());
static TOKEN: LazyLock<String> = LazyLock::new(|| key().sign(&claims()));

/// Verifies with the one key there is, whatever the token calls it.
fn verify(token: &str) -> Result<Caller, TokenError> {
    let token = UnverifiedToken::parse(token)?;
    token.verify(PUBLISHED.key("key-1").unwrap(), &TokenRules::default(), Timestamp::from_seconds(NOW))
}

fn rejection(header: &Value, claims: &Value) -> TokenError {
    verify(&key().sign_with_header(header, claims)).unwrap_err()
}

fn invalid(header: &Value, claims: &Value) -> InvalidToken {
    let rejection = rejection(header, claims);
    if let TokenError::Invalid(invalid) = rejection { invalid } else { unreachable!("{rejection}") }
}

/// Valid claims but for these.
fn with(changes: &Value) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

#[test]
fn an_unchanged_token_verifies() {
    assert!(verify(&TOKEN).is_ok());
}

/// S-25: the payload of a UCAN, signed with a trusted key.
#[test]
fn a_ucan_is_no_access_token() {
    let payload = json!({
        "iss": "did:key:zDnaeyTLWT9M5HoFWJxcVgK94ujrtkgCu3BuQdHRy1qWmXfef", "aud": "did:key:zDnaeyTLWT9M5",
        "att": [{ "with": "space:cf78fa75-e714-5073-8972-126a66255b39", "can": "/space/write" }],
        "exp": NOW + 900, "nnc": "n", "prf": [],
    });
    let header = json!({ "alg": "ES256", "typ": "JWT", "ucv": "0.10.0" });
    assert_eq!(rejection(&header, &payload), TokenError::Invalid(InvalidToken::Identity));
    let with_kid = json!({ "alg": "ES256", "typ": "JWT", "kid": "key-1" });
    assert_eq!(rejection(&with_kid, &payload), TokenError::Invalid(InvalidToken::Identity));
}

/// S-05 and S-06.
#[test]
fn depth_and_size_are_bounded_before_anything_else_is_read() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let mut deep = claims();
    deep["x"] = nested(31);
    assert!(verify(&key().sign(&deep)).is_ok());
    deep["x"] = nested(32);
    assert_eq!(verify(&key().sign(&deep)), Err(TokenError::Invalid(InvalidToken::Malformed)));
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    assert_eq!(verify(&long), Err(TokenError::Invalid(InvalidToken::TooLong)));
}

#[test]
fn the_first_of_several_faults_decides_the_class() {
    let header = |name: &str, value: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "key-1" });
        header[name] = value;
        header
    };
    let good = header("typ", json!("JWT"));
    let expired = json!({ "exp": NOW - 900, "nbf": NOW + 900, "aud": 5 });
    assert_eq!(invalid(&header("alg", json!("none")), &json!([])), InvalidToken::Algorithm);
    assert_eq!(invalid(&header("kid", json!(7)), &json!([])), InvalidToken::KeyId);
    assert_eq!(invalid(&good, &json!([])), InvalidToken::Malformed);
    assert_eq!(invalid(&good, &with(&json!({ "iss": null }))), InvalidToken::Claim("iss"));
    assert_eq!(rejection(&good, &with(&json!({ "iss": "", "exp": "soon" }))), TokenError::UntrustedIssuer);
    assert_eq!(invalid(&good, &with(&expired)), InvalidToken::Claim("aud"));
    let expired = json!({ "exp": NOW - 61, "nbf": NOW + 900, "sub": "" });
    assert_eq!(rejection(&good, &with(&expired)), TokenError::Expired);
    assert_eq!(invalid(&good, &with(&json!({ "nbf": NOW + 61, "sub": "" }))), InvalidToken::NotYetValid);
    assert_eq!(invalid(&good, &with(&json!({ "exp": NOW + 86_461, "sub": "" }))), InvalidToken::Lifetime);
    assert_eq!(invalid(&good, &with(&json!({ "sub": "", "mailbox_id": "x" }))), InvalidToken::Identity);
    assert_eq!(
        invalid(&good, &with(&json!({ "did": "d".repeat(256), "mailbox_id": "x" }))),
        InvalidToken::Did
    );
    let mailbox = json!({ "mailbox_id": "x", "personal_space_id": "x" });
    assert_eq!(invalid(&good, &with(&mailbox)), InvalidToken::Mailbox);
    assert_eq!(invalid(&good, &with(&json!({ "personal_space_id": "x" }))), InvalidToken::PersonalSpace);
}

/// Texts with a NUL or beyond 255 bytes.
#[test]
fn texts_of_claims_are_bounded_and_have_no_nul() {
    let good = json!({ "alg": "ES256", "kid": "key-1" });
    for claim in ["sub", "client_id", "scope", "did", "mailbox_id", "personal_space_id", "jti"] {
        assert_eq!(invalid(&good, &with(&json!({ claim: "a\0" }))), InvalidToken::Claim(claim));
    }
    for list in [json!("a\0"), json!(["a", "a\0"])] {
        assert_eq!(invalid(&good, &with(&json!({ "aud": list }))), InvalidToken::Claim("aud"));
    }
    let long = "l".repeat(256);
    for (claim, rejection) in [
        ("sub", InvalidToken::Identity),
        ("client_id", InvalidToken::Identity),
        ("did", InvalidToken::Did),
        ("jti", InvalidToken::Claim("jti")),
    ] {
        assert_eq!(invalid(&good, &with(&json!({ claim: long }))), rejection);
    }
}

proptest! {
    #[test]
    fn random_text_is_no_token(text in any::<String>()) {
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn random_segments_are_no_token(text in "[A-Za-z0-9_-]{0,200}\\.[A-Za-z0-9_-]{0,200}\\.[A-Za-z0-9_-]{0,90}") {
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn a_changed_token_never_verifies(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..4),
    ) {
        let mut letters: Vec<char> = TOKEN.chars().collect();
        for (index, letter) in changes {
            *index.get_mut(&mut letters) = letter;
        }
        let changed: String = letters.into_iter().collect();
        prop_assume!(changed != *TOKEN);
        prop_assert!(verify(&changed).is_err());
    }

    #[test]
    fn a_token_with_any_header_and_claims_is_judged(
        header in any_object(), claims in any_object(),
    ) {
        prop_assert!(verify(&key().sign_with_header(&header, &claims)).is_err());
    }

    #[test]
    fn random_bytes_are_no_key_set(document in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(KeySet::parse(&document).is_err());
    }

    #[test]
    fn a_changed_key_set_is_judged(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut document = DOCUMENT.clone().into_bytes();
        for (index, byte) in changes {
            *index.get_mut(&mut document) = byte;
        }
        let _ = KeySet::parse(&document);
    }

    #[test]
    fn any_header_value_is_judged(value in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = bearer_token([&value[..]]);
    }
}

/// An object that has some of the members of a token, with values of any kind.
fn any_object() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "alg",
        "kid",
        "typ",
        "crit",
        "iss",
        "sub",
        "client_id",
        "aud",
        "exp",
        "jti",
    ]);
    let value = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["ES256", "key-1", "JWT", "https://id.example"]).prop_map(Value::from),
        prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
    ];
    prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..10)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}
