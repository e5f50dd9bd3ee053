//! Errors of the toolbox itself, with the next step of the user.

use std::error::Error;
use std::fmt;

/// Error whose text says what failed; the next step is printed behind all causes.
#[derive(Debug)]
pub(crate) struct Advised {
    text: String,
    step: &'static str,
    source: Option<anyhow::Error>,
}

/// Next step after the loss of rights in a space.
pub(crate) const INVITE_AGAIN: &str =
    "ask an administrator of the space for a new invitation, then run less-sync space accept";

/// Error with `text`, and the next step.
pub(crate) fn advised(text: impl Into<String>, step: &'static str) -> anyhow::Error {
    anyhow::Error::new(Advised { text: text.into(), step, source: None })
}

/// Error with `text`, its cause and the next step.
pub(crate) fn advised_by(
    text: impl Into<String>,
    step: &'static str,
    source: impl Into<anyhow::Error>,
) -> anyhow::Error {
    anyhow::Error::new(Advised { text: text.into(), step, source: Some(source.into()) })
}

/// Error for a space that the server does not show.
pub(crate) fn no_access() -> anyhow::Error {
    advised(
        "space not found, or no access to it",
        "check --space: less-sync space list shows the spaces of your keys",
    )
}

impl Advised {
    /// The next step.
    pub(crate) fn step(&self) -> &'static str {
        self.step
    }
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
