//! Limit of concurrent transfers, with a share per user and per server.

use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::live_nodes::LiveNodes;
use crate::{Presenter, Tallies};

/// Part of all places that the transfers of one user may take.
const USER_SHARE: usize = 4;

/// Maximum transfers of one server, for all of its users (federation FI-2).
const PER_SERVER: usize = 8;

/// Counter of transfers that never queues: without a free place the request is rejected.
///
/// Users are counted under keyed hashes, and only while they transfer.
pub(super) struct TransferLimiter {
    limit: usize,
    per_user: usize,
    nodes: LiveNodes,
    hasher: RandomState,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    taken: usize,
    by_user: Tallies<u64>,
}

/// Permission for one transfer, released on drop.
pub(super) struct TransferPermit {
    limiter: Arc<TransferLimiter>,
    user: u64,
}

impl TransferLimiter {
    /// A limiter of `limit` concurrent transfers, at least 1; a quarter of them, at least 1, for the transfers of one user on all
    /// `nodes`.
    pub(super) fn new(limit: usize, nodes: LiveNodes) -> Arc<Self> {
        let limit = limit.max(1);
        let per_user = limit.div_ceil(USER_SHARE);
        Arc::new(Self { limit, per_user, nodes, hasher: RandomState::new(), places: Mutex::default() })
    }

    /// A permit, if fewer than the limit are taken, and fewer than the share of the user. Does not wait: a client that
    /// retries after `Retry-After` costs the server less than one that waits with an open connection.
    pub(super) fn try_acquire(self: &Arc<Self>, presenter: Presenter<'_>) -> Option<TransferPermit> {
        let share = match presenter {
            Presenter::User(_) => self.per_user,
            Presenter::Server(_) => self.per_user.min(PER_SERVER),
        };
        let user = presenter.hash_by(&self.hasher);
        let mut places = self.places.lock();
        if places.taken >= self.limit || !places.by_user.add(user, self.nodes.share(share)) {
            return None;
        }
        places.taken += 1;
        Some(TransferPermit { limiter: self.clone(), user })
    }

    /// Transfers in progress.
    pub(super) fn in_use(&self) -> usize {
        self.places.lock().taken
    }
}

impl Drop for TransferPermit {
    fn drop(&mut self) {
        let mut places = self.limiter.places.lock();
        places.taken -= 1;
        places.by_user.remove(self.user);
    }
}

impl fmt::Debug for TransferPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransferPermit")
    }
}

#[cfg(test)]
mod tests {
    use less_sync_auth::Caller;

    use super::*;
    use crate::test_caller::caller;

    fn user(issuer: &str, user_id: &str) -> Caller {
        Caller { issuer: issuer.to_owned(), ..caller(user_id) }
    }

    fn taken_by(limiter: &Arc<TransferLimiter>, caller: &Caller) -> Vec<TransferPermit> {
        std::iter::from_fn(|| limiter.try_acquire(caller.into())).collect()
    }

    /// Federation FI-2.
    #[test]
    fn server_has_eight_places_for_its_users() {
        let limiter = TransferLimiter::new(256, LiveNodes::default());
        let server = crate::ForwardingServer::new("b.example");
        let taken: Vec<_> = std::iter::from_fn(|| limiter.try_acquire(Presenter::Server(&server))).collect();
        assert_eq!(taken.len(), PER_SERVER);
        assert!(limiter.try_acquire(Presenter::from(&user("a", "1"))).is_some());
    }

    #[test]
    fn places_of_one_user_are_a_quarter() {
        for (limit, share) in [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (32, 8), (256, 64)] {
            let limiter = TransferLimiter::new(limit, LiveNodes::default());
            assert_eq!(taken_by(&limiter, &user("a", "1")).len(), share, "{limit}");
        }
    }

    #[test]
    fn users_of_several_issuers_have_shares_of_their_own() {
        let limiter = TransferLimiter::new(8, LiveNodes::default());
        let users = [user("a", "1"), user("a", "2"), user("b", "1"), user("b", "2"), user("b", "3")];
        let permits: Vec<_> = users.iter().map(|caller| taken_by(&limiter, caller)).collect();
        assert_eq!(permits.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 2, 0]);
        assert_eq!(limiter.in_use(), 8);
    }

    #[test]
    fn dropped_permit_frees_a_place_of_its_user_and_leaves_nothing() {
        let limiter = TransferLimiter::new(8, LiveNodes::default());
        let caller = user("a", "1");
        let mut permits = taken_by(&limiter, &caller);
        permits.pop();
        assert!(limiter.try_acquire((&caller).into()).is_some(), "a freed place");
        drop(permits);
        assert_eq!(limiter.in_use(), 0);
        assert!(limiter.places.lock().by_user.is_empty());
    }

    #[test]
    fn nodes_share_the_places_of_a_user() {
        let nodes = LiveNodes::default();
        let limiter = TransferLimiter::new(32, nodes.clone());
        nodes.set(3);
        assert_eq!(taken_by(&limiter, &user("i", "a")).len(), 3);
    }
}
