//! Verification rules of a deployment for access tokens.

use std::time::Duration;

use crate::PersonalSpaceRules;

/// Configuration of the claim checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// Accepted audiences, one of which a token must name (`AUDIENCES`). Empty: the audience is not checked.
    pub audiences: Vec<String>,
    /// Leeway of all time claims, 0 to 300 s (`JWT_LEEWAY_SECONDS`). Whole seconds count.
    pub leeway: Duration,
    /// Maximum distance of `exp` from now (`JWT_MAX_LIFETIME_SECONDS`). `None`: unlimited.
    pub max_lifetime: Option<Duration>,
    /// Rules for the caller's personal space.
    pub personal_space: PersonalSpaceRules,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self {
            audiences: Vec::new(),
            leeway: Duration::from_mins(1),
            max_lifetime: Some(Duration::from_hours(24)),
            personal_space: PersonalSpaceRules::default(),
        }
    }
}
