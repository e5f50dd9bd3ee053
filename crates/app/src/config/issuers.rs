//! Trusted issuers and token rules (auth §2.5, §16).

use std::str::FromStr;
use std::time::Duration;

use less_sync_auth::{
    InvalidTrustedIssuers, PersonalSpaceMode, PersonalSpaceNamespaces, PersonalSpaceRules, TokenRules,
    TrustedIssuer, parse_audiences,
};

use super::reader::Reader;

const DAY: Duration = Duration::from_hours(24);

/// Issuers whose tokens may name a DID or a mailbox (auth §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DidIssuers {
    /// Every trusted issuer.
    Any,
    /// The issuer that first presented it.
    First,
}

impl DidIssuers {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::First => "first",
        }
    }
}

impl FromStr for DidIssuers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Any, Self::First].into_iter().find(|mode| mode.as_str() == text);
        known.ok_or_else(|| format!("invalid DID_ISSUERS value \"{text}\": expected any or first"))
    }
}

/// Rules for access tokens and key sets.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// Trusted issuers (`TRUSTED_ISSUERS`).
    pub issuers: Vec<TrustedIssuer>,
    /// Token rules (`AUDIENCES`, `JWT_*`, `PERSONAL_SPACE_*`).
    pub rules: TokenRules,
    /// Issuers that may name a DID or a mailbox (`DID_ISSUERS`).
    pub did_issuers: DidIssuers,
    /// Age from which a key set is refreshed in the background (`JWKS_REFRESH_SECONDS`).
    pub keys_fresh_for: Duration,
    /// Age up to which a key set is used while refreshes fail (`JWKS_MAX_STALE_SECONDS`).
    pub keys_stale_for: Duration,
}

impl TokenConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let issuers = issuers(reader);
        let did_issuers = did_issuers(reader, issuers.as_ref().map_or(1, Vec::len));
        let seconds = Duration::from_secs;
        let defaults = TokenRules::default();
        let audiences = audiences(reader);
        let personal_space = personal_space(reader);
        let leeway = reader.duration("JWT_LEEWAY_SECONDS", defaults.leeway, seconds(0)..=seconds(300));
        let lifetime = reader.duration("JWT_MAX_LIFETIME_SECONDS", DAY, seconds(0)..=366 * DAY);
        let max_lifetime = (!lifetime.is_zero()).then_some(lifetime);
        let keys_fresh_for = reader.duration("JWKS_REFRESH_SECONDS", seconds(3600), seconds(1)..=DAY);
        let keys_stale_for = reader.duration("JWKS_MAX_STALE_SECONDS", DAY, seconds(1)..=30 * DAY);
        if keys_stale_for < keys_fresh_for {
            reader.problem("JWKS_MAX_STALE_SECONDS must not be less than JWKS_REFRESH_SECONDS");
        }
        let rules = TokenRules { audiences, leeway, max_lifetime, personal_space };
        Some(Self { issuers: issuers?, rules, did_issuers, keys_fresh_for, keys_stale_for })
    }
}

fn audiences(reader: &mut Reader<'_>) -> Vec<String> {
    let audiences = parse_audiences(&reader.text("AUDIENCES").unwrap_or_default());
    if audiences.is_empty() && !reader.is_development() {
        reader.warning("AUDIENCES is not set: tokens for any audience are accepted");
    }
    audiences
}

fn personal_space(reader: &mut Reader<'_>) -> PersonalSpaceRules {
    let defaults = PersonalSpaceRules::default();
    let namespaces = namespaces(reader);
    let mode = parsed(reader, "PERSONAL_SPACE_MODE", "derive").unwrap_or(defaults.mode);
    if mode == PersonalSpaceMode::Claim {
        reader
            .warning("PERSONAL_SPACE_MODE=claim lets every trusted issuer name any space as its user's own");
    }
    PersonalSpaceRules { mode, namespaces }
}

/// Reads `PERSONAL_SPACE_NAMESPACES`.
pub(super) fn namespaces(reader: &mut Reader<'_>) -> PersonalSpaceNamespaces {
    parsed(reader, "PERSONAL_SPACE_NAMESPACES", "less.so,betterbase.dev").unwrap_or_default()
}

/// Reads `DID_ISSUERS`. With several of the `issuers` trusted, none of them may take the DIDs of another.
fn did_issuers(reader: &mut Reader<'_>, issuers: usize) -> DidIssuers {
    let default = if issuers > 1 { DidIssuers::First } else { DidIssuers::Any };
    let mode = parsed(reader, "DID_ISSUERS", default.as_str()).unwrap_or(default);
    if mode == DidIssuers::Any && issuers > 1 {
        reader
            .warning("DID_ISSUERS=any lets every trusted issuer name any user's DID and mailbox as its own");
    }
    mode
}

/// Reads a value whose parse error names the setting itself.
fn parsed<T>(reader: &mut Reader<'_>, name: &'static str, default: &str) -> Option<T>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let Some(text) = reader.text(name) else {
        reader.show(name, default);
        return None;
    };
    text.parse().map_err(|error: T::Err| reader.problem(error.to_string())).ok()
}

fn issuers(reader: &mut Reader<'_>) -> Option<Vec<TrustedIssuer>> {
    let text = reader.text("TRUSTED_ISSUERS");
    if reader.is_development() {
        if text.is_some() {
            reader.problem("TRUSTED_ISSUERS must not be set with --dev, which uses a built-in issuer");
        }
        return Some(Vec::new());
    }
    let Some(text) = text else {
        reader.problem("TRUSTED_ISSUERS must be set");
        return None;
    };
    if text.contains(",http") || text.split_whitespace().any(|entry| entry.ends_with(',')) {
        reader.problem("TRUSTED_ISSUERS is a list separated by spaces, not by commas");
        return None;
    }
    let mut issuers: Vec<TrustedIssuer> = Vec::new();
    for entry in text.split_whitespace() {
        match TrustedIssuer::parse(entry) {
            Ok(issuer) => add(reader, &mut issuers, issuer),
            Err(error) => reader.problem(error.to_string()),
        }
    }
    Some(issuers)
}

fn add(reader: &mut Reader<'_>, issuers: &mut Vec<TrustedIssuer>, issuer: TrustedIssuer) {
    let name = issuer.issuer();
    if issuers.iter().any(|known| known.issuer() == name) {
        return reader.problem(InvalidTrustedIssuers::Repeated(name.to_owned()).to_string());
    }
    if issuer.keys_travel_in_clear() {
        reader.warning(format!("keys of issuer \"{name}\" are fetched over plain http"));
    }
    issuers.push(issuer);
}
