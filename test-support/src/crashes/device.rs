//! A device that writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use less_sync_client::{
    AccessToken, Auth, CallError, Change, Code, Connection, Dialer, Endpoint, Events, PullError, PullItem,
    PullSpace, PushError,
};
use less_sync_core::{Cursor, ErrorCode, RecordId};
use less_sync_history as history;
use less_sync_history::Event;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::run_state::{RunState, User};

/// Records of a space from which on devices rather rewrite than create.
const ENOUGH_RECORDS: usize = 200;

/// The connection is of no use any more.
struct Broken;

/// A simulated device: its local state and its next operation.
pub(super) struct Device {
    state: Arc<RunState>,
    user: User,
    name: String,
    /// Number of the server that it uses.
    site: usize,
    chance: StdRng,
    /// Values it has made up so far.
    values: u64,
    /// The cursor of every record that it has seen.
    known: BTreeMap<RecordId, Cursor>,
    /// Cursor from which the next pull starts.
    since: Cursor,
}

impl Device {
    pub(super) fn new(state: &Arc<RunState>, user: User, number: u32, seed: u64) -> Self {
        Self {
            state: state.clone(),
            name: format!("{}-{number}", user.name),
            site: number as usize % state.servers.len(),
            user,
            chance: StdRng::seed_from_u64(seed),
            values: 0,
            known: BTreeMap::new(),
            since: Cursor::ZERO,
        }
    }

    /// Works until it is told to stop, over as many connections as that takes.
    pub(super) async fn work(mut self) {
        while !self.state.stop.is_cancelled() {
            let dialled = dial(&self.state, &self.user, &mut self.site).await;
            let Some((connection, _events)) = dialled else { continue };
            while !self.state.stop.is_cancelled() && self.act(&connection).await.is_ok() {}
        }
    }

    /// Pulls everything there is, however many attempts that takes. Returns the cursor of the space.
    pub(super) async fn pull_everything(mut self) -> Cursor {
        loop {
            let dialled = dial(&self.state, &self.user, &mut self.site).await;
            let Some((connection, _events)) = dialled else { continue };
            self.since = Cursor::ZERO;
            if self.pull(&connection).await.is_ok() {
                return self.since;
            }
        }
    }

    async fn act(&mut self, connection: &Connection) -> Result<(), Broken> {
        match self.chance.random_range(0..20) {
            0 => {
                self.since = Cursor::ZERO;
                self.pull(connection).await
            }
            1..=4 => self.pull(connection).await,
            5..=8 => self.push_several(connection).await,
            _ => {
                let changes = self.changes();
                self.push(connection, changes).await
            }
        }
    }

    /// A few changes of records that it knows, or of new ones.
    fn changes(&mut self) -> Vec<Change> {
        let mut changes = BTreeMap::new();
        for _ in 0..self.chance.random_range(1..=4) {
            let crowded = self.known.len() >= ENOUGH_RECORDS;
            let known = crowded || (!self.known.is_empty() && self.chance.random_bool(0.6));
            let chosen = if known { self.known.iter().choose(&mut self.chance) } else { None };
            let (id, expected) = match chosen {
                Some((id, cursor)) => (*id, *cursor),
                None => (RecordId::from_bytes(self.chance.random()), Cursor::ZERO),
            };
            let deleted = expected > Cursor::ZERO && self.chance.random_bool(0.2);
            let blob = (!deleted).then(|| self.value().into());
            changes.insert(id, Change { id, blob, expected_cursor: expected, dek: None });
        }
        changes.into_values().collect()
    }

    /// Something that nobody else writes, of a size of its own.
    fn value(&mut self) -> String {
        self.values += 1;
        let padding = self.chance.random_range(0..2048);
        format!("{}-{}{}", self.name, self.values, ".".repeat(padding))
    }

    /// Pushes without waiting in between.
    async fn push_several(&mut self, connection: &Connection) -> Result<(), Broken> {
        let pushes: Vec<_> = (0..4).map(|_| self.changes()).collect();
        let outcomes = join_all(pushes.iter().map(|changes| self.send(connection, changes))).await;
        outcomes.into_iter().zip(pushes).try_for_each(|(outcome, changes)| self.learn(outcome, &changes))
    }

    async fn push(&mut self, connection: &Connection, changes: Vec<Change>) -> Result<(), Broken> {
        let outcome = self.send(connection, &changes).await;
        self.learn(outcome, &changes)
    }

    fn learn(&mut self, outcome: Result<Option<Cursor>, Broken>, changes: &[Change]) -> Result<(), Broken> {
        match outcome? {
            Some(cursor) => self.known.extend(changes.iter().map(|change| (change.id, cursor))),
            // Another device was faster: discard the cursors until the next pull.
            None => self.known.retain(|id, _| changes.iter().all(|change| change.id != *id)),
        }
        Ok(())
    }

    async fn pull(&mut self, connection: &Connection) -> Result<(), Broken> {
        let (op, space) = (self.state.history.op(), self.user.space.to_string());
        self.state.record(&Event::Pull { op, space, since: self.since.get() });
        let Ok((rows, cursor)) = rows(connection, &self.user, self.since).await else {
            self.state.record(&Event::Lost { op });
            return if connection.ended().is_some() { Err(Broken) } else { Ok(()) };
        };
        let known = rows.iter().filter_map(|(id, row)| Some((*id, Cursor::new(row.cursor).ok()?)));
        self.known.extend(known);
        self.since = cursor;
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        self.state.record(&Event::Pulled { op, cursor: cursor.get(), rows });
        Ok(())
    }

    /// Pushes, and writes down what came of it: the cursor, or nothing when it was rejected.
    async fn send(&self, connection: &Connection, changes: &[Change]) -> Result<Option<Cursor>, Broken> {
        let (state, user) = (&self.state, &self.user);
        let (op, space) = (state.history.op(), user.space.to_string());
        state.record(&Event::Push { op, space, changes: changes.iter().map(noted).collect() });
        match connection.push(user.space, changes).await {
            Ok(cursor) => {
                state.record(&Event::Pushed { op, cursor: cursor.get() });
                state.acknowledged.send_modify(|count| *count += 1);
                Ok(Some(cursor))
            }
            Err(PushError::Rejected { code: Code::Known(ErrorCode::Conflict), .. }) => {
                state.record(&Event::Rejected { op });
                Ok(None)
            }
            // The commit may have happened all the same (storage T9).
            Err(PushError::Rejected { code: Code::Known(ErrorCode::Internal), .. }) => {
                state.record(&Event::Lost { op });
                state.until_it_may_be_back(self.site).await;
                Ok(None)
            }
            Err(PushError::Call(CallError::Ended(_) | CallError::Timeout)) => {
                state.record(&Event::Lost { op });
                Err(Broken)
            }
            Err(other) => panic!("a push was answered with {other}"),
        }
    }
}

/// A connection, if there is a server at the moment; otherwise the next attempt is for the next server.
pub(super) async fn dial(state: &RunState, user: &User, site: &mut usize) -> Option<(Connection, Events)> {
    let address = *state.servers[*site].borrow();
    let endpoint = Endpoint::from_base(&format!("http://{address}/api/v1")).expect("an address");
    let token = AccessToken::from(user.token.as_str());
    let dialled = Dialer::new(endpoint).dial(Auth::Token(token)).await.ok();
    if dialled.is_none() {
        state.until_it_may_be_back(*site).await;
        *site = (*site + 1) % state.servers.len();
    }
    dialled
}

fn noted(change: &Change) -> history::Change {
    let value = change.blob.as_deref().map(text);
    history::Change { record: change.id.to_string(), expected: change.expected_cursor.get(), value }
}

/// A blob as the history names it: without what only makes it long.
pub(super) fn text(blob: &[u8]) -> String {
    String::from_utf8_lossy(blob).trim_end_matches('.').to_owned()
}

async fn rows(
    connection: &Connection,
    user: &User,
    since: Cursor,
) -> Result<(Vec<(RecordId, history::Row)>, Cursor), PullError> {
    let mut pull = connection.pull(&[PullSpace::from(user.space, since)]).await?;
    let (mut rows, mut reached) = (Vec::new(), since);
    while let Some(item) = pull.next().await {
        match item? {
            PullItem::Record(row) => {
                let value = row.blob.as_deref().map(text);
                let noted = history::Row { record: row.id.to_string(), cursor: row.cursor.get(), value };
                rows.push((row.id, noted));
            }
            PullItem::Commit { cursor, .. } => reached = cursor,
            PullItem::Begin { .. } | PullItem::Membership { .. } | PullItem::File { .. } => {}
        }
    }
    Ok((rows, reached))
}
