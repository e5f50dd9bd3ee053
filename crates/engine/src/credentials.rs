//! Credentials that a request presents for a space.

use std::fmt;

use less_sync_auth::Caller;
use less_sync_auth::ucan::Audience;
use less_sync_core::SpaceId;

use crate::{FailedVerifications, Presenter, Rule, SubscriptionProof};

/// Presenter of a request, and the chain of UCANs that the request presents. `Debug` prints no content.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// User of the access token, or the server that forwards the request.
    pub presenter: Presenter<'a>,
    /// Outermost token of the chain. Not required, and ignored, in the caller's own personal space (auth §4.1).
    pub ucan: Option<&'a str>,
    /// Server that holds the space according to the client (federation §11.1); without effect for a server.
    pub home: Option<&'a str>,
    /// Verified subscribe token of a server, in place of a chain.
    pub token: Option<&'a SubscriptionProof>,
    /// Counter of the failed verifications of the connection; none for requests over HTTP, and for those of servers.
    pub failed: Option<&'a FailedVerifications>,
}

impl<'a> Credentials<'a> {
    /// The user whose personal space `space` is.
    pub(crate) fn owner_of(self, space: SpaceId) -> Option<&'a Caller> {
        self.presenter.user().filter(|caller| caller.personal_space == Some(space))
    }

    /// The chain and its required audience.
    ///
    /// # Errors
    /// The rule for the one that is missing.
    pub(crate) fn chain(self) -> Result<(&'a str, Audience<'a>), Rule> {
        let ucan = self.ucan.ok_or(Rule::NoChain)?;
        match self.presenter {
            Presenter::User(caller) => Ok((ucan, Audience::Caller(caller.did.as_ref().ok_or(Rule::NoDid)?))),
            Presenter::Server(_) => Ok((ucan, Audience::Bearer)),
        }
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}
