//! Findings of checks.

/// Verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, with a disadvantage or a risk.
    Warn,
    /// Clients or data are affected.
    Fail,
    /// Not checked.
    Skip,
}

impl Verdict {
    /// Name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// Result of a check: what was seen, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Name of the check: lower case, words separated by hyphens.
    pub check: &'static str,
    /// Verdict.
    pub verdict: Verdict,
    /// Observation, on one line, without a full stop. Never a secret.
    pub seen: String,
    /// Next step of the operator, on one line, without a full stop; `None` if there is none.
    pub advice: Option<String>,
}

impl Finding {
    /// A finding without need for action.
    pub fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, seen: seen.into(), advice: None }
    }

    /// A disadvantage or a risk.
    pub fn warn(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, seen: seen.into(), advice: Some(advice.into()) }
    }

    /// A failure.
    pub fn fail(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, seen: seen.into(), advice: Some(advice.into()) }
    }

    /// A check that could not be made, and what it needs.
    pub fn skip(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Skip, seen: seen.into(), advice: Some(advice.into()) }
    }
}
