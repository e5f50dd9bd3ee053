//! State and missed events of a space between its authorization and its subscription.

use less_sync_core::wire::subscribe::SubscribeEntry;
use less_sync_core::{Cursor, SpaceId};
use less_sync_engine::{CatchUp, EngineError, Subscribed};
use less_sync_storage::Space;

use super::catch_up;
use crate::broker::{Position, SubscriptionStart};
use crate::methods::stream::Stream;

/// State of a space, and the events that its subscriber missed.
pub(super) struct Entered {
    subscribed: Subscribed,
    since: Cursor,
    missed: CatchUp,
}

impl Entered {
    /// Authorizes the caller and reads the state, and the missed events if the entry requests them.
    pub(super) async fn read(
        stream: Stream<'_>,
        space: SpaceId,
        entry: &SubscribeEntry<'_>,
    ) -> Result<Self, EngineError> {
        let (engine, credentials) = (stream.context.engine(), stream.context.credentials(entry.ucan));
        let subscribed = engine.subscribe(credentials, space).await?;
        let since = Cursor::new(entry.since).unwrap_or(Cursor::MAX);
        let missed = if entry.catchup {
            engine.catch_up(&subscribed, since).await?
        } else {
            CatchUp::Rows(Vec::new())
        };
        Ok(Self { subscribed, since, missed })
    }

    /// Start of the subscription: the client's cursor if the client has to pull, else the cursor of the space.
    pub(super) fn start(&self) -> SubscriptionStart {
        let position = Position::from(&self.subscribed.state);
        let caught_up_to = match self.missed {
            CatchUp::Rows(_) => position.cursor,
            CatchUp::TooMuch => self.since,
        };
        SubscriptionStart { position, caught_up_to, chain: self.subscribed.chain.clone() }
    }

    /// Records the authorization of the subscription, and replays the missed events before the response.
    pub(super) async fn begin(self, stream: Stream<'_>) -> Space {
        let Self { subscribed, since, missed } = self;
        stream.context.connection().authorize_subscription(subscribed.state.id, subscribed.chain);
        if let CatchUp::Rows(rows) = missed {
            stream.send(catch_up::frames(&subscribed.state, since, &rows)).await;
        }
        subscribed.state
    }
}
