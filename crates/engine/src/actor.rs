//! Actor of rate-limited actions: a user, or a member behind another server.

use std::borrow::Cow;

use less_sync_auth::Caller;
use less_sync_core::Did;

use crate::ForwardingServer;

/// Issuer and user under which actions are counted.
#[derive(Clone)]
pub(crate) struct Actor<'a> {
    pub(crate) issuer: Cow<'a, str>,
    pub(crate) user: &'a str,
}

impl<'a> Actor<'a> {
    /// Member that `server` forwards requests of: a noisy one leaves the budgets of the others alone (federation §9.6).
    pub(crate) fn behind(server: &ForwardingServer, member: &'a Did) -> Self {
        Self { issuer: format!("federation:{}", server.name()).into(), user: member.as_str() }
    }
}

impl<'a> From<&'a Caller> for Actor<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self { issuer: (&caller.issuer).into(), user: caller.user_id.as_str() }
    }
}
