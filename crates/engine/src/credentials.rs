//! What somebody shows to be let into a space.

use std::fmt;

use less_sync_auth::Caller;

/// A caller, and the chain of UCANs that came with the request, if one did. `Debug` shows nothing.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The outermost token of a chain. The caller's own personal space needs none and ignores it (auth §4.1).
    pub ucan: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    /// The chain and the DID it has to be for; `None` when either is missing.
    pub(crate) fn chain(self) -> Option<(&'a str, &'a str)> {
        Some((self.ucan?, self.caller.did.as_deref()?))
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}
