//! What the user allowed the app to use.

/// The scopes of a token: exact, case-sensitive words separated by ASCII whitespace. One never implies another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Box<str>);

impl Scopes {
    /// The scopes named in `text`, as the claim has them.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Whether `scope` was granted.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.split_ascii_whitespace().any(|granted| granted == scope)
    }

    /// The text of the claim.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
