//! A space that may be watched, on its way to being watched.

use less_sync_core::wire::subscribe::SubscribeEntry;
use less_sync_core::{Cursor, SpaceId};
use less_sync_engine::{CatchUp, Credentials, EngineError, Subscribed};
use less_sync_storage::Space;

use super::catch_up;
use crate::broker::{Position, Start};
use crate::connection::Connection;

/// What was read of a space, and what its watcher missed.
pub(super) struct Entered {
    subscribed: Subscribed,
    since: Cursor,
    missed: CatchUp,
}

impl Entered {
    /// Authorizes the caller and reads the state, and what happened before if that was asked for.
    pub(super) async fn read(
        connection: &Connection,
        space: SpaceId,
        entry: &SubscribeEntry<'_>,
    ) -> Result<Self, EngineError> {
        let caller = connection.caller();
        let credentials = Credentials { caller: &caller, ucan: entry.ucan };
        let engine = &connection.endpoint.engine;
        let subscribed = engine.subscribe(credentials, space).await?;
        let since = Cursor::new(entry.since).unwrap_or(Cursor::MAX);
        let missed = if entry.catchup {
            engine.catch_up(&subscribed, since).await?
        } else {
            CatchUp::Rows(Vec::new())
        };
        Ok(Self { subscribed, since, missed })
    }

    /// Where the subscription begins: where the watcher stands, if it has to pull what it missed.
    pub(super) fn start(&self) -> Start {
        let position = Position::from(&self.subscribed.state);
        let told = match self.missed {
            CatchUp::Rows(_) => position.cursor,
            CatchUp::TooMuch => self.since,
        };
        Start { position, told, chain: self.subscribed.chain.clone() }
    }

    /// Notes what the subscription rests on, and replays what its watcher missed, before the response.
    pub(super) async fn begin(self, connection: &Connection) -> Space {
        let Self { subscribed, since, missed } = self;
        connection.rest_on(subscribed.state.id, subscribed.chain);
        if let CatchUp::Rows(rows) = missed {
            for frame in catch_up::frames(&subscribed.state, since, &rows) {
                connection.queue(frame, None).await;
            }
        }
        subscribed.state
    }
}
