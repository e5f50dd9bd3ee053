//! The task of a session: dial, watch, pull, listen, and again.

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::SpaceId;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::follow::{Follower, Verdict};
use super::{Connect, Interruption, SpacePlan, Update};
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

/// Why the task stops waiting on a connection.
enum Stop {
    Interrupted(Interruption),
    /// Nobody listens to the session any more.
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

    /// Tells why, and how long to wait before the next attempt; `None` when there is no point in one.
    async fn interrupted(&mut self, cause: Interruption, life: Option<Duration>) -> Option<Duration> {
        let retry_in = if cause.is_final() {
            None
        } else {
            Some(self.backoff.after(life, rand::random()).max(asked_for(&cause)))
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
        // Whatever was wrong, the server may forget us now; the next connection starts afresh.
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
            match self.follower.judge(&event) {
                Verdict::Deliver => self.tell(Update::Event(event)).await?,
                Verdict::Drop => {}
                Verdict::Pull(space) => self.pull(connection, &[space]).await?,
                Verdict::PullAll => {
                    self.tell(Update::Event(event)).await?;
                    let spaces: Vec<_> = self.follower.spaces().collect();
                    self.pull(connection, &spaces).await?;
                }
                Verdict::Resubscribe(spaces) => {
                    self.tell(Update::Event(event)).await?;
                    let mut watches = self.watches.clone();
                    watches.retain(|watch| spaces.contains(&watch.space));
                    self.watch(connection, &watches, false).await?;
                }
            }
        }
    }

    /// Subscribes, and pulls what is followed and has moved.
    async fn watch(&mut self, connection: &Connection, watches: &[Watch], is_new: bool) -> Result<(), Stop> {
        let mut watches = watches.to_vec();
        for watch in &mut watches {
            watch.since = self.follower.cursor(&watch.space).unwrap_or(watch.since);
        }
        let subscribed = connection.subscribe(&watches).await?;
        if is_new {
            self.tell(Update::Connected).await?;
        }
        for (space, code) in subscribed.rejected {
            self.tell(Update::Rejected { space, code }).await?;
        }
        let mut moved = Vec::new();
        for watched in subscribed.spaces {
            if self.follower.cursor(&watched.space).is_some_and(|cursor| cursor != watched.cursor) {
                moved.push(watched.space);
            }
            self.tell(Update::Watching(watched)).await?;
        }
        self.pull(connection, &moved).await
    }

    async fn pull(&mut self, connection: &Connection, spaces: &[SpaceId]) -> Result<(), Stop> {
        let entries: Vec<_> = spaces.iter().filter_map(|space| self.entry(*space)).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let mut pull = connection.pull(&entries).await?;
        while let Some(item) = pull.next().await {
            let item = item?;
            if let PullItem::Commit { space, cursor, .. } = &item {
                self.follower.committed(*space, *cursor);
            }
            self.tell(Update::Pulled(item)).await?;
        }
        for space in pull.finish().await?.skipped {
            self.tell(Update::Skipped { space }).await?;
        }
        Ok(())
    }

    fn entry(&self, space: SpaceId) -> Option<PullSpace> {
        let since = self.follower.cursor(&space)?;
        let watch = self.watches.iter().find(|watch| watch.space == space)?;
        Some(PullSpace { space, since, ucan: watch.ucan.clone() })
    }

    async fn tell(&self, update: Update) -> Result<(), Stop> {
        self.updates.send(update).await.map_err(|_| Stop::Abandoned)
    }
}

/// What listening ends with, if it does not end with a [`Stop`].
enum Never {}

/// Nobody may send us away for longer than this.
const LONGEST_WISH: Duration = Duration::from_mins(5);

/// The server's own wish (protocol §1.2).
fn asked_for(cause: &Interruption) -> Duration {
    match cause {
        Interruption::Dial(DialError::Rejected { retry_after: Some(delay), .. }) => {
            (*delay).min(LONGEST_WISH)
        }
        Interruption::Dial(_)
        | Interruption::Token(_)
        | Interruption::Ended(_)
        | Interruption::Call(_)
        | Interruption::Pull(_) => Duration::ZERO,
    }
}
