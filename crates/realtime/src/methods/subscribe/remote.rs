//! Subscriptions to spaces of other servers, which have to accept them (federation §12.4).

use futures_util::future::join_all;
use less_sync_core::{Cursor, Epoch, ErrorCode};
use less_sync_engine::{HomeError, HomePosition};

use super::accepted::Accepted;
use super::elsewhere::{Elsewhere, by_home, watch};
use super::{ATTEMPTS, Progress};
use crate::broker::{Confirmation, Position};
use crate::context::Context;
use crate::outbox::PendingSubscription;
use crate::rpc_error::RpcError;

impl Progress<'_> {
    /// Subscribes at the other servers, with one request to each of them at the same time.
    pub(super) async fn subscribe_elsewhere(&mut self, context: &Context) {
        for _ in 0..ATTEMPTS {
            let elsewhere = std::mem::take(&mut self.elsewhere);
            if elsewhere.is_empty() {
                return;
            }
            let requests = by_home(elsewhere).into_iter().map(|entries| watch(context, entries));
            for (entry, outcome) in join_all(requests).await.into_iter().flatten() {
                let space = entry.space;
                let outcome = self.settle(context, entry, &outcome);
                if let Some(outcome) = outcome {
                    self.seen.insert(space, outcome);
                }
            }
        }
        for Elsewhere { space, .. } in std::mem::take(&mut self.elsewhere) {
            context.connection().unsubscribe(space);
            self.seen.insert(space, Err(ErrorCode::Internal));
        }
    }

    /// Confirms or rejects a subscription. `None`: a revocation raced it, and it is attempted once more.
    fn settle(
        &mut self,
        context: &Context,
        entry: Elsewhere,
        outcome: &Result<HomePosition, HomeError>,
    ) -> Option<Result<Accepted, ErrorCode>> {
        let (connection, space) = (context.connection(), entry.space);
        let broker = &connection.endpoint.broker;
        let start = match outcome {
            Ok(position) => entry.start((*position).into()),
            // Live as soon as the home is available, without the client (federation CU-6).
            Err(HomeError::Unavailable | HomeError::Busy) => {
                let unknown =
                    Position { cursor: Cursor::ZERO, key_generation: Epoch::FIRST, rewrap_epoch: None };
                entry.start(broker.newest(space).unwrap_or(unknown))
            }
            Err(error) => {
                let error = RpcError::from(error.clone());
                context.deny(Some(space), &error);
                return Some(Err(self.reject(
                    connection,
                    entry.again.then_some(entry.id),
                    space,
                    error.code,
                )));
            }
        };
        let (position, basis) = (start.position, start.basis.clone());
        if broker.confirm(space, connection.id, entry.id, start) == Confirmation::Stale {
            let id = broker.register(space, connection.id, &connection.outbox);
            broker.set_home(space, entry.home.clone());
            self.elsewhere.push(entry.registered_as(id));
            return None;
        }
        connection.authorize_subscription(space, basis);
        self.pending.push(PendingSubscription { space, id: entry.id });
        if outcome.is_ok() {
            return Some(Ok(Accepted { position, token: None }));
        }
        let error = RpcError::from(HomeError::Unavailable);
        context.deny(Some(space), &error);
        Some(Err(error.code))
    }
}
