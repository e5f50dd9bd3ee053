//! The scenarios, one per file.

pub(super) mod churn;
pub(super) mod connect;
pub(super) mod events;
pub(super) mod fan_out;
pub(super) mod files;
pub(super) mod idle;
pub(super) mod presence;
pub(super) mod pull;
pub(super) mod push;
pub(super) mod revoke;
pub(super) mod rewrap;
pub(super) mod stalled;
pub(super) mod startup;
