//! OAuth scopes of an access token.

/// Scopes of a token: exact, case-sensitive words separated by ASCII whitespace. No scope implies another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Box<str>);

impl Scopes {
    /// Parses the claim `scope`.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns true when `scope` was granted.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.split_ascii_whitespace().any(|granted| granted == scope)
    }

    /// Text of the claim.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
