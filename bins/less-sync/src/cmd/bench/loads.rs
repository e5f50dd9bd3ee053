//! What the scenarios send, and when.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use less_sync_core::frame;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::wire::{DekField, method};
use less_sync_core::{Cursor, RecordId, SpaceId};

use super::frames::Sink;
use super::link::{Link, append, result};
use super::subject::User;
use crate::clock;

/// The part of a run that counts, and the warm-up before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    from: Instant,
    until: Instant,
}

impl Span {
    /// Starts now: a tenth of the time, a second at most, to warm up, then the time.
    pub(super) fn of(time: Duration) -> Self {
        let from = clock::instant() + (time / 10).min(Duration::from_secs(1));
        Self { from, until: from + time }
    }

    pub(super) fn counts(&self, moment: Instant) -> bool {
        self.from <= moment && moment < self.until
    }

    pub(super) fn is_over(&self) -> bool {
        clock::instant() >= self.until
    }

    /// Waits for the end of the warm-up.
    pub(super) async fn begin(&self) {
        tokio::time::sleep_until(self.from.into()).await;
    }

    /// Waits for the end.
    pub(super) async fn end(&self) {
        tokio::time::sleep_until(self.until.into()).await;
    }

    pub(super) fn time(&self) -> Duration {
        self.until - self.from
    }
}

/// Pushes of new records into one space.
#[derive(Debug)]
pub(super) struct Writes {
    space: String,
    records: usize,
    blob: Vec<u8>,
    ids: Vec<String>,
    next: u64,
    ucan: Option<String>,
}

/// As apps send it: four bytes of epoch, forty that nobody understands.
const DEK: [u8; 44] = {
    let mut dek = [0xa5; 44];
    [dek[0], dek[1], dek[2], dek[3]] = [0, 0, 0, 1];
    dek
};

impl Writes {
    /// `records` records of `size` bytes in every push.
    pub(super) fn new(space: SpaceId, records: usize, size: usize) -> Self {
        let blob = (0..size).map(|_| rand::random()).collect();
        Self { space: space.to_string(), records, blob, ids: Vec::new(), next: 0, ucan: None }
    }

    /// The same, into the space of this user and by their right.
    pub(super) fn of(user: &User, records: usize, size: usize) -> Self {
        Self { ucan: user.ucan.clone(), ..Self::new(user.space, records, size) }
    }

    /// Appends the next push, framed; requests are numbered from 0.
    pub(super) fn append(&mut self, out: &mut Vec<u8>) {
        self.ids.clear();
        self.ids.extend((0..self.records).map(|_| RecordId::from_bytes(rand::random()).to_string()));
        let change = |id| ChangeParams {
            id,
            blob: Some(&*self.blob),
            expected_cursor: 0,
            dek: DekField::Stated(&DEK),
        };
        let params = PushParams {
            space: &self.space,
            ucan: self.ucan.as_deref(),
            epoch: None,
            home_server: None,
            changes: self.ids.iter().map(|id| change(id)).collect(),
        };
        append(out, &frame::request(&self.next.to_string(), method::PUSH, &params));
        self.next += 1;
    }
}

/// Fills a space with records, a thousand in a push; answers its cursor.
pub(super) async fn fill(
    link: &mut Link,
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
        Writes::new(space, count, size).append(&mut message);
        link.send_framed(&message).await?;
        cursor = acknowledged(link).await?;
        left -= count;
    }
    Ok(cursor)
}

/// Writes some records in one push, by the right of this user.
pub(super) async fn fill_as(
    link: &mut Link,
    user: &User,
    records: usize,
    size: usize,
) -> anyhow::Result<Cursor> {
    let mut message = Vec::new();
    Writes::of(user, records, size).append(&mut message);
    link.send_framed(&message).await?;
    acknowledged(link).await
}

/// The cursor of a space: an empty push writes nothing and answers it (protocol §4.3).
pub(super) async fn cursor(link: &mut Link, space: SpaceId) -> anyhow::Result<Cursor> {
    let mut message = Vec::new();
    Writes::new(space, 0, 0).append(&mut message);
    link.send_framed(&message).await?;
    acknowledged(link).await
}

async fn acknowledged(link: &mut Link) -> anyhow::Result<Cursor> {
    let mut acks = Acks::default();
    while acks.cursors.is_empty() {
        link.read(&mut acks).await?;
        acks.check()?;
    }
    acks.cursors.pop().context("no answer")
}

/// Answers to pushes.
#[derive(Debug, Default)]
pub(super) struct Acks {
    pub(super) cursors: Vec<Cursor>,
    problem: Option<String>,
}

impl Acks {
    /// Whether every push so far was written.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.problem.is_none(), "{}", self.problem.as_deref().unwrap_or_default());
        Ok(())
    }
}

impl Sink for Acks {
    fn notification(&mut self) {}

    fn chunk(&mut self, _payload_bytes: u64) {}

    fn response(&mut self, payload: &[u8]) {
        match result::<PushResult<'_>>(payload) {
            Ok(PushResult { ok: true, cursor, .. }) => self.cursors.push(cursor),
            Ok(rejected) => {
                self.problem = Some(format!("a push was rejected: {}", rejected.error.unwrap_or_default()));
            }
            Err(error) => self.problem = Some(format!("a push failed: {error}")),
        }
    }

    fn ping(&mut self, _payload: &[u8]) {}

    fn close(&mut self, code: u16) {
        self.problem = Some(format!("the server closed the connection of a writer: {code}"));
    }
}
