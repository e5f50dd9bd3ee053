//! Derivation of personal space ids (auth §4.1).

use std::str::FromStr;

use less_sync_core::SpaceId;
use uuid::Uuid;

mod namespaces;

pub use namespaces::{InvalidNamespaces, PersonalSpaceNamespaces};

/// Source of a caller's personal space id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PersonalSpaceMode {
    /// Derived id; a claim must agree with the derivation in one of the namespaces.
    #[default]
    Derive,
    /// Claimed id, accepted as it is. Every trusted issuer can then name any space.
    Claim,
}

impl FromStr for PersonalSpaceMode {
    type Err = UnknownPersonalSpaceMode;

    fn from_str(text: &str) -> Result<Self, UnknownPersonalSpaceMode> {
        match text {
            "derive" => Ok(Self::Derive),
            "claim" => Ok(Self::Claim),
            _ => Err(UnknownPersonalSpaceMode(text.to_owned())),
        }
    }
}

/// Setting that is neither `derive` nor `claim`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid PERSONAL_SPACE_MODE {0:?}: expected derive or claim")]
pub struct UnknownPersonalSpaceMode(String);

/// Rules for personal space ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonalSpaceRules {
    /// Mode of derivation (`PERSONAL_SPACE_MODE`).
    pub mode: PersonalSpaceMode,
    /// Namespaces of derivation (`PERSONAL_SPACE_NAMESPACES`).
    pub namespaces: PersonalSpaceNamespaces,
}

/// Claim that is not a space id, or not the caller's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotOwn;

impl PersonalSpaceRules {
    /// Determines the personal space of `owner` whose token has this `claim`; an absent claim is empty.
    pub(crate) fn decide(&self, owner: &Owner<'_>, claim: &str) -> Result<Option<SpaceId>, NotOwn> {
        match self.mode {
            PersonalSpaceMode::Claim => Ok(claim.parse().ok()),
            PersonalSpaceMode::Derive if claim.is_empty() => {
                Ok(Some(owner.personal_space(self.namespaces.first())))
            }
            PersonalSpaceMode::Derive => {
                let claimed: SpaceId = claim.parse().map_err(|_| NotOwn)?;
                let own = self.namespaces.iter().any(|namespace| owner.personal_space(namespace) == claimed);
                if own { Ok(Some(claimed)) } else { Err(NotOwn) }
            }
        }
    }
}

/// Inputs of the derivation: a user of an app at an issuer.
pub(crate) struct Owner<'t> {
    /// Raw `iss` claim; a trailing slash is significant.
    pub(crate) issuer: &'t str,
    pub(crate) user_id: &'t str,
    pub(crate) client_id: &'t str,
}

impl Owner<'_> {
    fn personal_space(&self, namespace: Uuid) -> SpaceId {
        personal_space_id(namespace, self.issuer, self.user_id, self.client_id)
    }
}

/// Derives the personal space of `user_id`, using `client_id`, at `issuer`, within `namespace`.
///
/// `issuer` is the claim as in the token: a trailing slash is significant.
#[must_use]
pub fn personal_space_id(namespace: Uuid, issuer: &str, user_id: &str, client_id: &str) -> SpaceId {
    let name = [issuer, user_id, client_id].join("\0");
    SpaceId::from(Uuid::new_v5(&namespace, name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Owner<'_> = Owner {
        issuer: "https://accounts.less.so",
        user_id: "user-1",
        client_id: "11111111-1111-1111-1111-111111111111",
    };
    const ALICE_LESS: &str = "cf78fa75-e714-5073-8972-126a66255b39";
    const ALICE_BETTERBASE: &str = "c137f9a5-eb8f-58a7-81bd-b9c0dc88f237";
    const SOMEBODY: &str = "5f9d4846-0a70-5878-bc18-9465cdf74581";

    fn decide(mode: PersonalSpaceMode, claim: &str) -> Result<Option<String>, NotOwn> {
        let rules = PersonalSpaceRules { mode, ..PersonalSpaceRules::default() };
        rules.decide(&ALICE, claim).map(|space| space.map(|space| space.to_string()))
    }

    #[test]
    fn a_derived_space_needs_no_claim_and_tolerates_a_true_one() {
        let derive = |claim: &str| decide(PersonalSpaceMode::Derive, claim);
        assert_eq!(derive(""), Ok(Some(ALICE_LESS.into())));
        assert_eq!(derive(ALICE_LESS), Ok(Some(ALICE_LESS.into())));
        assert_eq!(derive(&ALICE_BETTERBASE.to_uppercase()), Ok(Some(ALICE_BETTERBASE.into())));
        assert_eq!(derive(SOMEBODY), Err(NotOwn));
        assert_eq!(derive("nope"), Err(NotOwn));
    }

    #[test]
    fn a_claimed_space_is_that_of_the_claim() {
        let claim = |claim: &str| decide(PersonalSpaceMode::Claim, claim);
        assert_eq!(claim(""), Ok(None));
        assert_eq!(claim("nope"), Ok(None));
        assert_eq!(claim(SOMEBODY), Ok(Some(SOMEBODY.into())));
    }

    #[test]
    fn the_mode_is_derive_or_claim() {
        assert_eq!("derive".parse(), Ok(PersonalSpaceMode::Derive));
        assert_eq!("claim".parse(), Ok(PersonalSpaceMode::Claim));
        let error = "Claim".parse::<PersonalSpaceMode>().unwrap_err();
        assert_eq!(error.to_string(), r#"invalid PERSONAL_SPACE_MODE "Claim": expected derive or claim"#);
    }
}
