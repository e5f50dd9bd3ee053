//! The access token cases of the specification.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a vector that cannot be read is a failure"
)]

use std::time::Duration;

use less_sync_auth::{
    Caller, KeySet, PersonalSpaceRules, Scopes, TokenError, TokenRules, TrustedIssuer, UnverifiedToken,
    bearer_token,
};
use less_sync_core::{Did, Timestamp};
use serde_json::{Value, json};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/jwt.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The checks in their order, as a server runs them.
fn authenticate(vectors: &Value, config: &Value, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
    let token = UnverifiedToken::parse(token)?;
    let issuers = config["trusted_issuers"].as_array().unwrap();
    let issuer = issuers
        .iter()
        .find(|entry| TrustedIssuer::parse(text(&entry["issuer"])).unwrap().issuer() == token.issuer())
        .ok_or(TokenError::UntrustedIssuer)?;
    let document = vectors["jwks"].get(text(&issuer["jwks"])).ok_or(TokenError::KeySourceUnavailable)?;
    let keys = KeySet::parse(document.to_string().as_bytes()).unwrap();
    let key = keys.key(token.key_id()).ok_or(less_sync_auth::InvalidToken::UnknownKey)?;
    token.verify(key, &rules(config), now)
}

fn rules(config: &Value) -> TokenRules {
    let list = |value: &Value| {
        value.as_array().unwrap().iter().map(|each| text(each).to_owned()).collect::<Vec<_>>()
    };
    let seconds = |name: &str| Duration::from_secs(config[name].as_u64().unwrap());
    TokenRules {
        audiences: list(&config["audiences"]),
        leeway: seconds("leeway_seconds"),
        max_lifetime: Some(seconds("max_token_lifetime_seconds")),
        personal_space: PersonalSpaceRules {
            mode: text(&config["personal_space"]["mode"]).parse().unwrap(),
            namespaces: list(&config["personal_space"]["namespaces"]).join(",").parse().unwrap(),
        },
    }
}

fn outcome(result: &Result<Caller, TokenError>) -> Value {
    let caller = match result {
        Ok(caller) => caller,
        Err(error) => return json!({ "result": error.class() }),
    };
    json!({
        "result": "ok",
        "issuer": caller.issuer,
        "user_id": caller.user_id.as_str(),
        "client_id": caller.client_id.as_str(),
        "scope": caller.scopes.as_str(),
        "did": caller.did.as_ref().map_or("", Did::as_str),
        "mailbox_id": caller.mailbox_id.map(|mailbox| mailbox.to_hex()).unwrap_or_default(),
        "personal_space_id": caller.personal_space.unwrap().to_string(),
        "jti": caller.token_id.clone().unwrap_or_default(),
    })
}

#[test]
fn every_token_has_the_outcome_of_its_vector() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 98);
    for case in cases {
        let inputs = &case["inputs"];
        let now = Timestamp::from_seconds(inputs["now"].as_i64().unwrap());
        let config = &vectors["configs"][text(&inputs["config"])];
        let result = authenticate(&vectors, config, text(&inputs["token"]), now);
        assert_eq!(outcome(&result), case["expected"], "{}: {result:?}", case["name"]);
    }
}

#[test]
fn every_scope_is_granted_or_not_as_its_vector_says() {
    let vectors = vectors();
    let cases = vectors["scope_checks"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let scopes = Scopes::new(text(&case["inputs"]["scope"]));
        let granted = scopes.contains(text(&case["inputs"]["required"]));
        assert_eq!(json!({ "granted": granted }), case["expected"], "{}", case["name"]);
    }
}

/// A header whose token is rejected only later, with `invalid token`, must get past the header rules with a text
/// that no token has.
#[test]
fn every_authorization_header_is_read_as_its_vector_says() {
    let vectors = vectors();
    let cases = vectors["bearer_header"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let header = case["inputs"]["authorization"].as_str();
        let response = match bearer_token(header.map(str::as_bytes)) {
            Ok(token) if token.contains(' ') => {
                assert!(matches!(UnverifiedToken::parse(token), Err(TokenError::Invalid(_))));
                json!({ "status": 401, "error": "invalid token" })
            }
            Ok(token) => json!({ "token": token }),
            Err(error) => json!({ "status": 401, "error": error.to_string() }),
        };
        assert_eq!(response, case["expected"], "{}", case["name"]);
    }
}
