//! Credentials that a request presents for a space.

use std::fmt;

use less_sync_auth::Caller;
use less_sync_core::Did;

use crate::FailedVerifications;

/// Caller of a request, and the chain of UCANs that the request presents. `Debug` prints no content.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Identity from the access token.
    pub caller: &'a Caller,
    /// Outermost token of the chain. Not required, and ignored, in the caller's own personal space (auth §4.1).
    pub ucan: Option<&'a str>,
    /// Counter of the failed verifications of the connection; none for requests over HTTP.
    pub failed: Option<&'a FailedVerifications>,
}

impl<'a> Credentials<'a> {
    /// The chain and the DID that must be its audience; `None` when either is missing.
    pub(crate) fn chain(self) -> Option<(&'a str, &'a Did)> {
        Some((self.ucan?, self.caller.did.as_ref()?))
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}
