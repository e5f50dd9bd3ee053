//! Agreement of the token verifier of `less-sync-auth` with that of `jsonwebtoken`.
//!
//! Signature, algorithm, `exp`, `nbf` and `aud` have the same rules in both; random tokens, valid and not, must get the
//! same verdict. `jsonwebtoken` reads the system clock, so drawn times keep ten seconds of distance from the limits.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use less_sync_app::SystemClock;
use less_sync_auth::{KeySet, TokenRules, UnverifiedToken};
use less_sync_engine::Clock as _;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::claims::Claims;
use super::document;
use super::signing_key::SigningKey;
use crate::flip_signature;

const AUDIENCE: &str = "sync";
const LEEWAY: Duration = Duration::from_mins(1);

/// Change of a token after it was signed.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    None,
    /// Equivalent signature (r, n − s), valid too.
    EquivalentSignature,
    /// Bit of the signature flipped.
    SignatureBit(usize),
    /// Signature shortened to this many bytes.
    ShortSignature(usize),
    ZeroSignature,
    /// Claims exchanged for others.
    OtherClaims,
    /// Signature of another key.
    OtherKey,
}

/// Parts of a token that both verifiers judge by the same rules.
#[derive(Clone, Debug)]
struct Draft {
    algorithm: &'static str,
    /// Seconds from now.
    expires_in: Option<i64>,
    /// Seconds from now.
    starts_in: Option<i64>,
    audience: Option<Value>,
    tampering: Tampering,
}

fn drafts() -> impl Strategy<Value = Draft> {
    // Limits with the leeway: an expiry 60 s in the past, a start 60 s in the future.
    let expires_in = option::weighted(0.95, prop_oneof![1 => -86_400..-70_i64, 4 => -50..86_400_i64]);
    let starts_in = option::of(prop_oneof![4 => -86_400..50_i64, 1 => 70..86_400_i64]);
    let audiences = prop_oneof![
        4 => Just(json!(AUDIENCE)),
        4 => Just(json!(["other", AUDIENCE])),
        1 => Just(json!("other")),
        1 => Just(json!(["other", "sync2"])),
        1 => Just(json!([])),
        1 => Just(json!("")),
    ];
    let tampering = prop_oneof![
        6 => Just(Tampering::None),
        2 => Just(Tampering::EquivalentSignature),
        2 => (0..512_usize).prop_map(Tampering::SignatureBit),
        1 => (0..64_usize).prop_map(Tampering::ShortSignature),
        1 => Just(Tampering::ZeroSignature),
        1 => Just(Tampering::OtherClaims),
        1 => Just(Tampering::OtherKey),
    ];
    let algorithm =
        prop_oneof![8 => Just("ES256"), 1 => select(vec!["none", "HS256", "ES384", "RS256", "es256"])];
    (algorithm, expires_in, starts_in, option::weighted(0.95, audiences), tampering).prop_map(
        |(algorithm, expires_in, starts_in, audience, tampering)| Draft {
            algorithm,
            expires_in,
            starts_in,
            audience,
            tampering,
        },
    )
}

impl Draft {
    fn claims(&self, now: i64) -> Claims {
        let mut claims = Claims::ordinary("https://issuer.example", "alice", SystemClock.now());
        claims = match self.expires_in {
            Some(seconds) => claims.with("exp", now + seconds),
            None => claims.without("exp"),
        };
        if let Some(seconds) = self.starts_in {
            claims = claims.with("nbf", now + seconds);
        }
        match &self.audience {
            Some(audience) => claims.with("aud", audience.clone()),
            None => claims,
        }
    }

    fn token(&self, key: &SigningKey) -> String {
        let now = SystemClock.now().seconds();
        let header = json!({ "alg": self.algorithm, "kid": "key-1", "typ": "JWT" });
        let token = key.sign_with_header(&header, &self.claims(now));
        match self.tampering {
            Tampering::None => token,
            Tampering::EquivalentSignature => flip_signature(&token),
            Tampering::SignatureBit(bit) => {
                with_signature(&token, |signature| signature[bit / 8] ^= 1 << (bit % 8))
            }
            Tampering::ShortSignature(length) => {
                with_signature(&token, |signature| signature.truncate(length))
            }
            Tampering::ZeroSignature => with_signature(&token, |signature| signature.fill(0)),
            Tampering::OtherClaims => {
                let other = key.sign_with_header(&header, &self.claims(now).with("sub", "mallory"));
                let (other, _) = other.rsplit_once('.').unwrap();
                let (_, signature) = token.rsplit_once('.').unwrap();
                format!("{other}.{signature}")
            }
            Tampering::OtherKey => SigningKey::random("key-1").sign_with_header(&header, &self.claims(now)),
        }
    }
}

fn with_signature(token: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    change(&mut signature);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Verdict of `less-sync-auth`.
fn accepts(key: &SigningKey, token: &str) -> bool {
    let keys = KeySet::parse(document(std::slice::from_ref(key)).to_string().as_bytes()).unwrap();
    let rules = TokenRules {
        audiences: vec![AUDIENCE.to_owned()],
        leeway: LEEWAY,
        max_lifetime: None,
        ..TokenRules::default()
    };
    UnverifiedToken::parse(token).is_ok_and(|unverified| {
        let key = keys.key(unverified.key_id()).unwrap();
        unverified.verify(key, &rules, SystemClock.now()).is_ok()
    })
}

/// Verdict of `jsonwebtoken`.
fn reference_accepts(key: &SigningKey, token: &str) -> bool {
    let jwk: Jwk = serde_json::from_value(key.to_jwk()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.leeway = LEEWAY.as_secs();
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "aud"]);
    validation.set_audience(&[AUDIENCE]);
    decode::<Value>(token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).is_ok()
}

#[test]
fn both_verifiers_accept_a_valid_token_and_its_equivalent_signature() {
    let key = SigningKey::random("key-1");
    for tampering in [Tampering::None, Tampering::EquivalentSignature] {
        let draft = Draft {
            algorithm: "ES256",
            expires_in: Some(3600),
            starts_in: Some(0),
            audience: Some(json!(AUDIENCE)),
            tampering,
        };
        let token = draft.token(&key);
        assert!(accepts(&key, &token), "{tampering:?}");
        assert!(reference_accepts(&key, &token), "{tampering:?}");
    }
}

proptest! {
    #[test]
    fn both_verifiers_agree_on_random_tokens(draft in drafts()) {
        let key = SigningKey::random("key-1");
        let token = draft.token(&key);
        prop_assert_eq!(accepts(&key, &token), reference_accepts(&key, &token));
    }
}
