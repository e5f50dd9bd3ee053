//! Pushes of new records: framed requests, and their responses.

use anyhow::{Context as _, ensure};
use less_sync_core::frame;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::wire::{DekField, method};
use less_sync_core::{Cursor, RecordId, SpaceId};

use crate::connection::{LoadConnection, append, result};
use crate::frames::FrameHandler;
use crate::server::User;

/// Generator of pushes of new records into one space.
#[derive(Debug)]
pub(crate) struct PushGenerator {
    space: String,
    records: usize,
    blob: Vec<u8>,
    ids: Vec<String>,
    /// Id of the next request.
    next: u64,
    ucan: Option<String>,
}

/// Wrapped key of every record: epoch 1 and 40 opaque bytes, as apps send it.
const DEK: [u8; 44] = {
    let mut dek = [0xa5; 44];
    [dek[0], dek[1], dek[2], dek[3]] = [0, 0, 0, 1];
    dek
};

impl PushGenerator {
    /// Generator for a personal space: `records` records of `size` random bytes in every push.
    pub(crate) fn new(space: SpaceId, records: usize, size: usize) -> Self {
        let blob = (0..size).map(|_| rand::random()).collect();
        Self { space: space.to_string(), records, blob, ids: Vec::new(), next: 0, ucan: None }
    }

    /// Generator for the space of `user`, with their UCAN in a shared one.
    pub(crate) fn of(user: &User, records: usize, size: usize) -> Self {
        Self { ucan: user.ucan.clone(), ..Self::new(user.space, records, size) }
    }

    /// Appends the next push as a frame; requests are numbered from 0.
    pub(crate) fn append(&mut self, out: &mut Vec<u8>) {
        self.ids.clear();
        self.ids.extend((0..self.records).map(|_| RecordId::from_bytes(rand::random()).to_string()));
        let change = |id| ChangeParams {
            id,
            blob: Some(&*self.blob),
            expected_cursor: 0,
            dek: DekField::Stated(&DEK),
        };
        let changes = self.ids.iter().map(|id| change(id)).collect();
        let params = params(&self.space, self.ucan.as_deref(), changes);
        append(out, &frame::request(&self.next.to_string(), method::PUSH, &params));
        self.next += 1;
    }
}

/// Params of a push that names neither an epoch nor a home server.
pub(crate) fn params<'a>(
    space: &'a str,
    ucan: Option<&'a str>,
    changes: Vec<ChangeParams<'a>>,
) -> PushParams<'a> {
    PushParams { space, ucan, epoch: None, home_server: None, changes }
}

/// Fills a personal space, at most 1000 records and 2 MiB per push; returns the cursor of the space.
pub(crate) async fn fill(
    connection: &mut LoadConnection,
    space: SpaceId,
    records: usize,
    size: usize,
) -> anyhow::Result<Cursor> {
    const BATCH_BYTES: usize = 2 * 1024 * 1024;
    let batch = (BATCH_BYTES / size.max(1)).clamp(1, 1000);
    let mut cursor = Cursor::ZERO;
    let mut left = records;
    while left > 0 {
        let count = left.min(batch);
        let mut message = Vec::new();
        PushGenerator::new(space, count, size).append(&mut message);
        connection.send_framed(&message).await?;
        cursor = acknowledgement(connection).await?;
        left -= count;
    }
    Ok(cursor)
}

/// Pushes some records at once to the space of `user`; returns the cursor of the space.
pub(crate) async fn fill_as(
    connection: &mut LoadConnection,
    user: &User,
    records: usize,
    size: usize,
) -> anyhow::Result<Cursor> {
    let mut message = Vec::new();
    PushGenerator::of(user, records, size).append(&mut message);
    connection.send_framed(&message).await?;
    acknowledgement(connection).await
}

/// Creates records of one byte without wrapped keys in the space of `user`, at most 1000.
pub(crate) async fn create_without_keys(
    connection: &mut LoadConnection,
    user: &User,
    ids: &[RecordId],
) -> anyhow::Result<()> {
    let (space, ids) = (user.space.to_string(), ids.iter().map(RecordId::to_string).collect::<Vec<_>>());
    let change = |id| ChangeParams { id, blob: Some(&[1]), expected_cursor: 0, dek: DekField::Absent };
    let params = params(&space, user.ucan.as_deref(), ids.iter().map(|id| change(id)).collect());
    let response = connection.call(method::PUSH, &params).await?;
    ensure!(result::<PushResult<'_>>(&response)?.ok, "a push without keys was rejected");
    Ok(())
}

/// Cursor of a space, from the response to a push without changes (protocol §4.3).
pub(crate) async fn cursor(connection: &mut LoadConnection, space: SpaceId) -> anyhow::Result<Cursor> {
    let mut message = Vec::new();
    PushGenerator::new(space, 0, 0).append(&mut message);
    connection.send_framed(&message).await?;
    acknowledgement(connection).await
}

/// Waits for one response; returns its cursor.
async fn acknowledgement(connection: &mut LoadConnection) -> anyhow::Result<Cursor> {
    let mut responses = PushResponses::default();
    while responses.cursors.is_empty() {
        connection.read(&mut responses).await?;
        responses.check()?;
    }
    responses.cursors.pop().context("no response")
}

/// Responses to pushes.
#[derive(Debug, Default)]
pub(crate) struct PushResponses {
    /// Cursors of the acknowledged pushes, in order of their responses.
    pub(crate) cursors: Vec<Cursor>,
    problem: Option<String>,
}

impl PushResponses {
    /// Fails after a push was rejected or failed, or the connection was closed.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.problem.is_none(), "{}", self.problem.as_deref().unwrap_or_default());
        Ok(())
    }
}

impl FrameHandler for PushResponses {
    fn response(&mut self, payload: &[u8]) {
        match result::<PushResult<'_>>(payload) {
            Ok(PushResult { ok: true, cursor, .. }) => self.cursors.push(cursor),
            Ok(rejected) => {
                self.problem = Some(format!("a push was rejected: {}", rejected.error.unwrap_or_default()));
            }
            Err(error) => self.problem = Some(format!("a push failed: {error}")),
        }
    }

    fn close(&mut self, code: u16) {
        self.problem = Some(format!("the server closed the connection of a writer: {code}"));
    }
}
