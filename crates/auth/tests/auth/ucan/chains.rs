//! Chains of the members of one space, good ones and others.

use std::sync::LazyLock;

use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanError, UcanKey, VerifiedChain};
use less_sync_core::{Permission, SpaceId, Timestamp};
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) fn space() -> SpaceId {
    SpaceId::from_bytes([1; 16])
}

/// The owner of the space, and those it is passed on to, in this order.
pub(crate) static MEMBERS: LazyLock<Vec<UcanKey>> =
    LazyLock::new(|| (1..=16).map(|secret| UcanKey::from_bytes(&[secret; 32]).unwrap()).collect());

/// Link of a chain: the grant and its expiry.
pub(crate) type Link = (Permission, i64);

/// A chain whose first link the owner signs for member 1, and so on.
pub(crate) fn chain(links: &[Link]) -> String {
    let mut proof: Option<String> = None;
    for (pair, (permission, lifetime)) in MEMBERS.windows(2).zip(links) {
        let [issuer, audience] = pair else { unreachable!() };
        let grant = Grant {
            audience: audience.did(),
            permission: *permission,
            space: space(),
            expires_at: Timestamp::from_seconds(NOW + lifetime),
            nonce: [1; 16],
        };
        proof = Some(issuer.issue(&grant, proof.as_deref()));
    }
    proof.unwrap()
}

pub(crate) fn expected(depth: usize, permission: Permission) -> Expectations<'static> {
    Expectations {
        audience: Audience::Caller(MEMBERS[depth].did()),
        permission,
        space: space(),
        root_key: MEMBERS[0].root_key(),
    }
}

pub(crate) fn verify(token: &str, depth: usize, permission: Permission) -> Result<VerifiedChain, UcanError> {
    ucan::verify(token, &expected(depth, permission), Timestamp::from_seconds(NOW))
}

pub(crate) static CHAIN: LazyLock<String> =
    LazyLock::new(|| chain(&[(Permission::Admin, 90), (Permission::Write, 60), (Permission::Read, 30)]));

/// The claims of a root token for member 1, with some replaced.
pub(crate) fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": MEMBERS[0].did().as_str(), "aud": MEMBERS[1].did().as_str(), "cmd": "/space/write", "exp": NOW + 60, "nonce": "n",
        "with": format!("space:{}", space()),
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// Rejection of the owner's token with these texts for header and payload, when member 1 requests write access.
pub(crate) fn rejection(header: &str, payload: &str) -> UcanError {
    verify(&MEMBERS[0].sign_text(header, payload), 1, Permission::Write).unwrap_err()
}
