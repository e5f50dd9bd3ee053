//! Members of shared spaces, and UCANs between them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use less_sync_auth::RootKey;
use less_sync_auth::ucan::UcanKey;
use less_sync_core::{Permission, SpaceId, Timestamp};
use p256::ecdsa::Signature;
use serde_json::{Map, Value, json};

use crate::never_logged;

/// Member or owner of a space, with a key pair; its `did:key` is the `did` of the access token.
#[derive(Debug)]
pub struct Member {
    key: UcanKey,
}

impl Member {
    /// Creates a member with a random key.
    #[must_use]
    pub fn random() -> Self {
        let mut drawn = std::iter::repeat_with(rand::random::<[u8; 32]>).take(8);
        let key = drawn.find_map(|bytes| UcanKey::from_bytes(&bytes).ok());
        Self { key: key.expect("eight draws") }
    }

    /// `did:key` of the member.
    #[must_use]
    pub fn did(&self) -> &str {
        self.key.did().as_str()
    }

    /// Root public key for `space.create`.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        self.key.root_key()
    }

    /// Unsigned root UCAN of an owner: to themselves, with all rights, valid long after every test.
    #[must_use]
    pub fn ucan(&self, space: SpaceId) -> Ucan<'_> {
        let claims = json!({
            "aud": [self.did()], "cmd": "/space/admin", "exp": FAR_FUTURE.seconds(), "iss": self.did(),
            "nonce": URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()), "prf": [],
            "with": format!("space:{space}"),
        });
        let Value::Object(claims) = claims else { unreachable!("an object") };
        Ucan { issuer: self, header: json!({ "alg": "ES256", "typ": "JWT" }), claims }
    }
}

/// The year 2096.
const FAR_FUTURE: Timestamp = Timestamp::from_seconds(4_000_000_000);

/// Builder of a UCAN.
#[derive(Clone, Debug)]
pub struct Ucan<'m> {
    issuer: &'m Member,
    header: Value,
    claims: Map<String, Value>,
}

impl Ucan<'_> {
    /// Sets the audience.
    #[must_use]
    pub fn to(self, member: &Member) -> Self {
        self.with("aud", json!([member.did()]))
    }

    /// Sets the permission.
    #[must_use]
    pub fn permission(self, permission: Permission) -> Self {
        let command = match permission {
            Permission::Read => "/space/read",
            Permission::Write => "/space/write",
            Permission::Admin => "/space/admin",
        };
        self.with("cmd", command)
    }

    /// Sets the expiry, inclusive.
    #[must_use]
    pub fn expires_at(self, at: Timestamp) -> Self {
        self.with("exp", at.seconds())
    }

    /// Sets the expiry to `lifetime` after `now`.
    #[must_use]
    pub fn lives(self, lifetime: Duration, now: Timestamp) -> Self {
        self.expires_at(now.plus(lifetime))
    }

    /// Sets the proof, a UCAN whose audience is the issuer.
    #[must_use]
    pub fn proof(self, token: &str) -> Self {
        self.with("prf", json!([token]))
    }

    /// Replaces or adds a claim, valid or not.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Replaces the header, whatever it says.
    #[must_use]
    pub fn header(mut self, header: Value) -> Self {
        self.header = header;
        self
    }

    /// Signs with the key of the issuer.
    #[must_use]
    pub fn sign(&self) -> String {
        self.sign_as(self.issuer)
    }

    /// Signs with the key of `other`, in the name of the issuer.
    #[must_use]
    pub fn sign_as(&self, other: &Member) -> String {
        let claims = Value::Object(self.claims.clone()).to_string();
        let token = other.key.sign_text(&self.header.to_string(), &claims);
        never_logged(&token);
        token
    }
}

/// Malleated token: the same token with the equivalent signature (r, n − s), computable without the key (auth §6.5).
///
/// # Panics
/// If `token` is not a signed one.
#[must_use]
pub fn flip_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("segments");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let (r, s) = Signature::from_slice(&signature).expect("a signature").split_scalars();
    let flipped = Signature::from_scalars(r, -s).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(flipped.to_bytes()))
}

#[cfg(test)]
mod tests {
    use less_sync_auth::ucan::{self, Audience, Expectations, InvalidUcan, TokenCids, UcanError};

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    fn verify(token: &str, owner: &Member, caller: &Member) -> Result<Permission, UcanError> {
        let expected = Expectations {
            audience: Audience::Caller(caller.key.did()),
            permission: Permission::Read,
            space: SPACE,
            root_key: owner.root_key(),
        };
        ucan::verify(token, &expected, Timestamp::from_seconds(0)).map(|chain| chain.permission())
    }

    #[test]
    fn an_owner_invites_a_member_who_invites_a_guest() {
        let [owner, member, guest] = std::array::from_fn(|_| Member::random());
        let root = owner.ucan(SPACE).sign();
        let invitation = owner.ucan(SPACE).to(&member).permission(Permission::Write).proof(&root).sign();
        let second = member.ucan(SPACE).to(&guest).permission(Permission::Read).proof(&invitation).sign();
        assert_eq!(verify(&root, &owner, &owner), Ok(Permission::Admin));
        assert_eq!(verify(&invitation, &owner, &member), Ok(Permission::Write));
        assert_eq!(verify(&second, &owner, &guest), Ok(Permission::Read));
        assert_eq!(verify(&second, &owner, &member), Err(UcanError::IdentityMismatch));
        assert_eq!(verify(&second, &member, &guest), Err(UcanError::RootMismatch));
    }

    #[test]
    fn changed_tokens_are_rejected() {
        let [owner, other] = std::array::from_fn(|_| Member::random());
        let rejection = |token: String| verify(&token, &owner, &owner).unwrap_err();
        let good = || owner.ucan(SPACE);
        let past = Timestamp::from_seconds(-10);
        assert_eq!(rejection(good().sign_as(&other)), InvalidUcan::Signature.into());
        assert_eq!(rejection(good().without("nonce").sign()), InvalidUcan::Nonce.into());
        assert_eq!(rejection(good().with("nbf", 1).sign()), InvalidUcan::NotYetValid.into());
        assert_eq!(rejection(good().header(json!({ "alg": "none" })).sign()), InvalidUcan::Algorithm.into());
        assert_eq!(
            rejection(good().lives(Duration::from_secs(1), past).sign()),
            InvalidUcan::Claim("exp").into()
        );
        assert_eq!(rejection(good().to(&other).sign()), UcanError::IdentityMismatch);
    }

    #[test]
    fn a_flipped_signature_is_another_text_of_the_same_token() {
        let owner = Member::random();
        let token = owner.ucan(SPACE).sign();
        let flipped = flip_signature(&token);
        assert_eq!(verify(&flipped, &owner, &owner), Ok(Permission::Admin));
        assert_eq!(TokenCids::of(&token).unwrap().alternate, ucan::cid(&flipped));
        assert_eq!(flip_signature(&flipped), token);
    }
}
