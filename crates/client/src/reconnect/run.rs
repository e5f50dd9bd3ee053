//! Task of a session: dial, subscribe, pull, deliver events, reconnect.

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{Cursor, SpaceId};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::follow::{Follower, Verdict};
use super::plan::{Connect, SpacePlan};
use super::update::{Interruption, Update};
use crate::backoff::Backoff;
use crate::connection::Connection;
use crate::error::DialError;
use crate::event::Events;
use crate::pull::{PullItem, PullSpace};
use crate::subscribe::Watch;
use crate::token::TokenProvider;

pub(super) struct Run {
    connect: Arc<dyn Connect>,
    tokens: Arc<dyn TokenProvider>,
    watches: Vec<Watch>,
    follower: Follower,
    backoff: Backoff,
    updates: mpsc::Sender<Update>,
    current: watch::Sender<Option<Connection>>,
}

/// End of the work on one connection.
enum Stop {
    Interrupted(Interruption),
    /// The session was dropped.
    Abandoned,
}

impl<E: Into<Interruption>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Interrupted(error.into())
    }
}

impl Run {
    pub(super) fn new(
        connect: Arc<dyn Connect>,
        tokens: Arc<dyn TokenProvider>,
        plan: &[SpacePlan],
        updates: mpsc::Sender<Update>,
        current: watch::Sender<Option<Connection>>,
    ) -> Self {
        let followed = plan.iter().filter(|space| space.follow);
        Self {
            connect,
            tokens,
            watches: plan.iter().map(|space| space.watch.clone()).collect(),
            follower: Follower::new(followed.map(|space| (space.watch.space, space.watch.since))),
            backoff: Backoff::default(),
            updates,
            current,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let (cause, life) = match self.open().await {
                Ok((connection, events)) => {
                    let opened = Instant::now();
                    match self.serve(&connection, events).await {
                        Stop::Abandoned => return,
                        Stop::Interrupted(cause) => (cause, Some(opened.elapsed())),
                    }
                }
                Err(cause) => (cause, None),
            };
            let Some(delay) = self.interrupted(cause, life).await else { return };
            tokio::time::sleep(delay).await;
        }
    }

    async fn open(&self) -> Result<(Connection, Events), Interruption> {
        let token = self.tokens.token().await?;
        Ok(self.connect.connect(token).await?)
    }

    /// Reports the cause; returns the delay of the next attempt, or `None` after a final cause.
    async fn interrupted(&mut self, cause: Interruption, life: Option<Duration>) -> Option<Duration> {
        let retry_in = if cause.is_final() {
            None
        } else {
            Some(self.backoff.after(life, rand::random()).max(requested_delay(&cause)))
        };
        self.updates.send(Update::Interrupted { cause, retry_in }).await.ok()?;
        retry_in
    }

    async fn serve(&mut self, connection: &Connection, mut events: Events) -> Stop {
        self.current.send_replace(Some(connection.clone()));
        let stop = match self.follow(connection, &mut events).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        };
        self.current.send_replace(None);
        // After a failed call or pull the connection is still open: it is closed, and the next one starts from the cursors.
        connection.close().await;
        stop
    }

    async fn follow(&mut self, connection: &Connection, events: &mut Events) -> Result<Never, Stop> {
        let watches = self.watches.clone();
        self.watch(connection, &watches, true).await?;
        loop {
            let Some(event) = events.next().await else {
                return Err(connection.until_ended().await.into());
            };
            match self.follower.classify(&event) {
                Verdict::Deliver => self.emit(Update::Event(event)).await?,
                Verdict::Drop => {}
                Verdict::Pull(space) => self.pull(connection, &[space]).await?,
                Verdict::PullAll => {
                    self.emit(Update::Event(event)).await?;
                    let spaces: Vec<_> = self.follower.spaces().collect();
                    self.pull(connection, &spaces).await?;
                }
                Verdict::Resubscribe(spaces) => {
                    self.emit(Update::Event(event)).await?;
                    let mut watches = self.watches.clone();
                    watches.retain(|watch| spaces.contains(&watch.space));
                    self.watch(connection, &watches, false).await?;
                }
            }
        }
    }

    /// Subscribes, then pulls followed spaces whose cursor differs. The subscription comes first: events after its cursor are
    /// delivered live, and everything up to it is pulled, so nothing is missed in between.
    async fn watch(&mut self, connection: &Connection, watches: &[Watch], is_new: bool) -> Result<(), Stop> {
        let mut watches = watches.to_vec();
        for watch in &mut watches {
            watch.since = self.follower.cursor(&watch.space).unwrap_or(watch.since);
        }
        let subscribed = connection.subscribe(&watches).await?;
        if is_new {
            self.emit(Update::Connected).await?;
        }
        for (space, code) in subscribed.rejected {
            self.emit(Update::Rejected { space, code }).await?;
        }
        let mut moved = Vec::new();
        for watched in subscribed.spaces {
            if self.follower.cursor(&watched.space).is_some_and(|cursor| cursor != watched.cursor) {
                moved.push(watched.space);
            }
            self.emit(Update::Watching(watched)).await?;
        }
        self.pull(connection, &moved).await
    }

    async fn pull(&mut self, connection: &Connection, spaces: &[SpaceId]) -> Result<(), Stop> {
        let entries: Vec<_> = spaces.iter().filter_map(|space| self.entry(*space)).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let mut pull = connection.pull(&entries).await?;
        let mut reached = Cursor::ZERO;
        while let Some(item) = pull.next().await {
            let item = item?;
            match &item {
                PullItem::Begin { .. } => reached = Cursor::ZERO,
                PullItem::Record(row) => reached = row.cursor,
                PullItem::Membership { cursor, .. } | PullItem::File { cursor, .. } => reached = *cursor,
                // Rows beyond the bound come in order, so nothing is missing below the last one. Of its own cursor there may
                // be others, which its event brings.
                PullItem::Commit { space, cursor, .. } => {
                    self.follower.committed(*space, before(reached).max(*cursor));
                }
            }
            self.emit(Update::Pulled(item)).await?;
        }
        for space in pull.finish().await?.skipped {
            self.emit(Update::Skipped { space }).await?;
        }
        Ok(())
    }

    fn entry(&self, space: SpaceId) -> Option<PullSpace> {
        let since = self.follower.cursor(&space)?;
        let watch = self.watches.iter().find(|watch| watch.space == space)?;
        Some(PullSpace { space, since, ucan: watch.ucan.clone() })
    }

    async fn emit(&self, update: Update) -> Result<(), Stop> {
        self.updates.send(update).await.map_err(|_| Stop::Abandoned)
    }
}

/// The cursor before `cursor`.
fn before(cursor: Cursor) -> Cursor {
    Cursor::new(cursor.get().saturating_sub(1)).unwrap_or(cursor)
}

/// Success type of an endless loop, which only ends with a [`Stop`].
enum Never {}

/// Maximum delay that a server can request.
const MAX_REQUESTED_DELAY: Duration = Duration::from_mins(5);

/// Delay requested by the server with `Retry-After` (protocol §1.2).
fn requested_delay(cause: &Interruption) -> Duration {
    match cause {
        Interruption::Dial(DialError::Rejected { retry_after: Some(delay), .. }) => {
            (*delay).min(MAX_REQUESTED_DELAY)
        }
        Interruption::Dial(_)
        | Interruption::Token(_)
        | Interruption::Ended(_)
        | Interruption::Call(_)
        | Interruption::Pull(_) => Duration::ZERO,
    }
}
