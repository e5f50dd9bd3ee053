//! Settings of the verification of signatures.

use std::str::FromStr;
use std::time::Duration;

/// URL scheme of a signed target (federation AU-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetScheme {
    /// `wss`.
    Wss,
    /// `https`.
    Https,
    /// `ws`.
    Ws,
    /// `http`.
    Http,
}

impl TargetScheme {
    /// All schemes, in the order of the default setting.
    pub const ALL: [Self; 4] = [Self::Wss, Self::Https, Self::Ws, Self::Http];

    /// Text in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wss => "wss",
            Self::Https => "https",
            Self::Ws => "ws",
            Self::Http => "http",
        }
    }

    /// Port that a URL of this scheme leaves out, with its colon.
    pub(super) const fn default_port(self) -> &'static str {
        match self {
            Self::Wss | Self::Https => ":443",
            Self::Ws | Self::Http => ":80",
        }
    }
}

/// Text that is not a scheme of a signed target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scheme must be wss, https, ws or http")]
pub struct InvalidScheme;

impl FromStr for TargetScheme {
    type Err = InvalidScheme;

    fn from_str(text: &str) -> Result<Self, InvalidScheme> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == text).ok_or(InvalidScheme)
    }
}

/// Bounds and accepted forms of signatures. The default is that of federation §22.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturePolicy {
    /// Maximum age of a signature, inclusive. Default: 300 s.
    pub max_age: Duration,
    /// Maximum time that a signature is created ahead of the clock, inclusive. Default: 60 s.
    pub max_ahead: Duration,
    /// Schemes of the target tried in this order, at most four. Default: all.
    pub schemes: Vec<TargetScheme>,
    /// Header that ties a signature to one request, in lowercase (federation AU-8). Default: `sec-websocket-key`.
    pub binding_header: &'static str,
    /// Rejection of signatures that are not tied to one request (federation AU-9). Default: off.
    pub require_bound: bool,
}

impl Default for SignaturePolicy {
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(5),
            max_ahead: Duration::from_mins(1),
            schemes: TargetScheme::ALL.to_vec(),
            binding_header: "sec-websocket-key",
            require_bound: false,
        }
    }
}
