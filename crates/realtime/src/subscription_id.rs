//! Id of one subscription of a connection to a space.

/// Distinguishes the subscriptions of one connection to one space: the response to an older `subscribe` does not activate
/// a newer subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubscriptionId(pub(crate) u64);
