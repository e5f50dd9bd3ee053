//! Claims of an access token (auth §2.3).

use std::time::Duration;

use less_sync_core::{ClientId, Did, InvalidName, Timestamp, UserId, limits};
use serde::Deserialize;

use super::error::{InvalidToken, TokenError};
use super::rules::TokenRules;
use crate::json::Object;
use crate::numeric_date::NumericDate;
use crate::personal_space::Owner;
use crate::trusted_issuer::comparable_issuer;
use crate::{Caller, Scopes};

/// Names of the claims that are read. A duplicate of any is rejected.
pub(super) const NAMES: &[&str] = &[
    "iss",
    "sub",
    "client_id",
    "aud",
    "exp",
    "nbf",
    "iat",
    "scope",
    "did",
    "mailbox_id",
    "personal_space_id",
    "jti",
];

/// Type-checked claims. Absent texts are empty, except `jti`.
pub(super) struct Claims {
    user_id: String,
    client_id: String,
    audience: Vec<String>,
    expires_at: i64,
    not_before: Option<i64>,
    issued_at: Option<i64>,
    scope: String,
    did: String,
    mailbox_id: String,
    personal_space_id: String,
    token_id: Option<String>,
}

impl Claims {
    /// Checks the types: step 10.
    pub(super) fn read(payload: &str) -> Result<Self, InvalidToken> {
        let claims = Object::read(payload, NAMES).map_err(|_| InvalidToken::Malformed)?;
        let text = |name| optional::<Text>(&claims, name).map(|text| text.unwrap_or_default().0);
        let token_id = optional::<Text>(&claims, "jti")?.map(|text| text.0);
        if token_id.as_ref().is_some_and(|id| id.len() > limits::NAME) {
            return Err(InvalidToken::Claim("jti"));
        }
        Ok(Self {
            user_id: text("sub")?,
            client_id: text("client_id")?,
            audience: optional(&claims, "aud")?.map(Audience::into_vec).unwrap_or_default(),
            expires_at: expiry(&claims)?,
            not_before: optional(&claims, "nbf")?.map(NumericDate::ceil),
            issued_at: optional(&claims, "iat")?.map(NumericDate::ceil),
            scope: text("scope")?,
            did: text("did")?,
            mailbox_id: text("mailbox_id")?,
            personal_space_id: text("personal_space_id")?,
            token_id,
        })
    }

    /// Checks times, then audience: steps 11 to 13.
    pub(super) fn check(&self, rules: &TokenRules, now: i64) -> Result<(), TokenError> {
        let leeway = whole_seconds(rules.leeway);
        if now > self.expires_at.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        let latest_start = now.saturating_add(leeway);
        if [self.not_before, self.issued_at].into_iter().flatten().any(|start| start > latest_start) {
            return Err(InvalidToken::NotYetValid.into());
        }
        if rules
            .max_lifetime
            .is_some_and(|longest| self.expires_at > latest_start.saturating_add(whole_seconds(longest)))
        {
            return Err(InvalidToken::Lifetime.into());
        }
        if !rules.audiences.is_empty()
            && !self.audience.iter().any(|audience| rules.audiences.contains(audience))
        {
            return Err(InvalidToken::Audience.into());
        }
        Ok(())
    }

    /// Checks the identity: steps 14 to 16. `raw_issuer` is the claim `iss`.
    pub(super) fn into_caller(self, raw_issuer: &str, rules: &TokenRules) -> Result<Caller, InvalidToken> {
        let (user_id, client_id) =
            identity(self.user_id, self.client_id).map_err(|_| InvalidToken::Identity)?;
        let did = match self.did.as_str() {
            "" => None,
            text => Some(Did::try_from(text).map_err(|_| InvalidToken::Did)?),
        };
        let mailbox_id = match self.mailbox_id.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| InvalidToken::Mailbox)?),
        };
        let owner = Owner { issuer: raw_issuer, user_id: user_id.as_str(), client_id: client_id.as_str() };
        let personal_space = rules
            .personal_space
            .decide(&owner, &self.personal_space_id)
            .map_err(|_| InvalidToken::PersonalSpace)?;
        Ok(Caller {
            issuer: comparable_issuer(raw_issuer).to_owned(),
            scopes: Scopes::new(self.scope),
            did,
            mailbox_id,
            personal_space,
            expires_at: Timestamp::from_seconds(self.expires_at),
            token_id: self.token_id,
            user_id,
            client_id,
        })
    }
}

/// Text of a claim, without a NUL.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains('\0') { Err("a NUL in a text") } else { Ok(Self(text)) }
    }
}

/// Audience claim: one text or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(Text),
    Several(Vec<Text>),
}

impl Audience {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(audience) => vec![audience.0],
            Self::Several(audiences) => audiences.into_iter().map(|audience| audience.0).collect(),
        }
    }
}

fn optional<'t, T: Deserialize<'t>>(
    claims: &Object<'t>,
    name: &'static str,
) -> Result<Option<T>, InvalidToken> {
    claims.get(name).map_err(|_| InvalidToken::Claim(name))
}

/// Reads `exp`, which is required and not before 1970.
fn expiry(claims: &Object<'_>) -> Result<i64, InvalidToken> {
    let expiry = optional::<NumericDate>(claims, "exp")?.map(NumericDate::floor);
    expiry.filter(|expiry| *expiry >= 0).ok_or(InvalidToken::Claim("exp"))
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn identity(user_id: String, client_id: String) -> Result<(UserId, ClientId), InvalidName> {
    Ok((user_id.try_into()?, client_id.try_into()?))
}
