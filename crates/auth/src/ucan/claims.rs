//! Claims of a UCAN (auth §6.1).

use less_sync_core::{Did, Permission, SpaceId};
use serde::Deserialize;

use super::texts::{TextOrTexts, Texts};
use super::{InvalidUcan, UcanError};
use crate::json::Object;
use crate::numeric_date::NumericDate;

/// Names of the claims that are read. A duplicate of any is rejected.
const NAMES: &[&str] = &["iss", "aud", "cmd", "with", "nonce", "exp", "nbf", "prf"];

/// Prefix of a space's resource URI.
const RESOURCE_PREFIX: &str = "space:";

/// Type-checked claims whose values are not judged yet. Absent texts are empty, which no
/// valid value is; an empty audience is absent.
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) audience: Option<Did>,
    command: String,
    resource: String,
    nonce: String,
    expires_at: Option<u64>,
    pub(super) not_before: u64,
    proofs: Texts,
}

impl Claims {
    pub(super) fn read(payload: &str) -> Result<Self, InvalidUcan> {
        let claims = Object::read(payload, NAMES).map_err(|_| InvalidUcan::Malformed)?;
        let text = |name| optional::<String>(&claims, name).map(Option::unwrap_or_default);
        let audience = optional::<TextOrTexts>(&claims, "aud")?.unwrap_or_default();
        Ok(Self {
            issuer: text("iss")?,
            audience: audience.0.first.and_then(|text| Did::try_from(text).ok()),
            command: text("cmd")?,
            resource: text("with")?,
            nonce: text("nonce")?,
            expires_at: time(&claims, "exp", NumericDate::floor)?,
            not_before: time(&claims, "nbf", NumericDate::ceil)?.unwrap_or_default(),
            proofs: optional(&claims, "prf")?.unwrap_or_default(),
        })
    }

    /// Checks the token on its own: steps 3 to 8. Returns its expiry.
    pub(super) fn check(&self, space: SpaceId, required: Permission, now: u64) -> Result<u64, UcanError> {
        if !self.is_about(space) {
            return Err(UcanError::ResourceMismatch);
        }
        if !self.permission()?.covers(required) {
            return Err(UcanError::AttenuationViolation);
        }
        let expires_at = self.expires_at.ok_or(InvalidUcan::Claim("exp"))?;
        if now > expires_at {
            return Err(UcanError::Expired);
        }
        if now < self.not_before {
            return Err(InvalidUcan::NotYetValid.into());
        }
        if self.nonce.is_empty() {
            return Err(InvalidUcan::Nonce.into());
        }
        if self.proofs.count > 1 {
            return Err(InvalidUcan::Proofs.into());
        }
        Ok(expires_at)
    }

    /// Checks that `parent` permits its holder to issue this token: steps 10 to 12, without the parent's own checks.
    pub(super) fn check_parent(&self, parent: &Self) -> Result<(), UcanError> {
        if parent.audience.as_ref().is_none_or(|audience| audience.as_str() != self.issuer) {
            return Err(UcanError::IdentityMismatch);
        }
        if !parent.permission()?.covers(self.permission()?) {
            return Err(UcanError::AttenuationViolation);
        }
        // A parent without `exp` is rejected for that, when it is its turn.
        if parent.expires_at.is_some_and(|ends| self.expires_at.is_none_or(|expires_at| expires_at > ends)) {
            return Err(UcanError::AttenuationViolation);
        }
        Ok(())
    }

    pub(super) fn permission(&self) -> Result<Permission, InvalidUcan> {
        let known = Permission::ALL.into_iter().find(|permission| command(*permission) == self.command);
        known.ok_or(InvalidUcan::Command)
    }

    /// Embedded proof, the token that gives the issuer its rights; `None` for a root.
    pub(super) fn proof(&self) -> Option<&str> {
        self.proofs.first.as_deref()
    }

    /// Compares the resource with the canonical URI of `space`, byte by byte.
    fn is_about(&self, space: SpaceId) -> bool {
        let named = self.resource.strip_prefix(RESOURCE_PREFIX);
        named.is_some_and(|named| space.with_text(|text| named == text))
    }
}

/// Resource URI of `space`: the claim `with`.
pub(super) fn resource(space: SpaceId) -> String {
    format!("{RESOURCE_PREFIX}{space}")
}

/// Command of `permission`: the claim `cmd`.
pub(super) fn command(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "/space/read",
        Permission::Write => "/space/write",
        Permission::Admin => "/space/admin",
    }
}

/// Reads a time that is not before 1970, in whole seconds.
fn time(
    claims: &Object<'_>,
    name: &'static str,
    whole: fn(NumericDate) -> i64,
) -> Result<Option<u64>, InvalidUcan> {
    let time = optional::<NumericDate>(claims, name)?;
    time.map(|time| u64::try_from(whole(time)).map_err(|_| InvalidUcan::Claim(name))).transpose()
}

fn optional<'t, T: Deserialize<'t>>(
    claims: &Object<'t>,
    name: &'static str,
) -> Result<Option<T>, InvalidUcan> {
    claims.get(name).map_err(|_| InvalidUcan::Claim(name))
}
