//! Replay of stored changes, in the form of live events (protocol §6.4).

use bytes::Bytes;
use less_sync_core::wire::event::{FileEntry, FileEvent, MembershipEvent, RecordEntry, Sync};
use less_sync_core::wire::method;
use less_sync_core::{Cursor, Epoch, SpaceId, frame};
use less_sync_storage::{Row, Space};

use crate::stored_rows;

/// State of a space that its notifications show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplayedSpace {
    pub(crate) id: SpaceId,
    pub(crate) key_generation: Epoch,
    pub(crate) rewrap_epoch: Option<Epoch>,
}

impl From<&Space> for ReplayedSpace {
    fn from(space: &Space) -> Self {
        let Space { id, key_generation, rewrap_epoch, .. } = *space;
        Self { id, key_generation, rewrap_epoch }
    }
}

/// The notifications for `rows`, which are in order, with their cursors: for every cursor its records, then its entry, then
/// its files. The first `sync` continues from `since`, each later one from the notification before it.
pub(crate) fn frames(space: &Space, since: Cursor, rows: &[Row]) -> Vec<(Cursor, Bytes)> {
    frames_among(space.into(), since, &[], rows)
}

/// As [`frames`], between events that wait for an earlier one, each with the cursors that it leads from and to, ascending. A waiting
/// event that becomes contiguous goes out before the next notification, which continues from it; rows that it covers are
/// left out.
pub(crate) fn frames_among(
    space: ReplayedSpace,
    since: Cursor,
    waiting: &[(Cursor, Cursor)],
    rows: &[Row],
) -> Vec<(Cursor, Bytes)> {
    let (mut frames, mut told, mut any_sync) = (Vec::new(), since, false);
    let mut waiting = waiting.iter().copied().peekable();
    let mut covered = since;
    for group in rows.chunk_by(|one, next| (one.cursor(), kind(one)) == (next.cursor(), kind(next))) {
        let Some(first) = group.first() else { continue };
        let cursor = first.cursor();
        while let Some((_, until)) = waiting.next_if(|(from, _)| *from <= told) {
            if until > told {
                (told, covered, any_sync) = (until, until, true);
            }
        }
        if cursor <= covered {
            continue;
        }
        let frame = match first {
            Row::Record(_) => {
                let prev = if std::mem::replace(&mut any_sync, true) { told } else { since };
                sync(space, prev, cursor, group)
            }
            Row::Member(_) => membership(space, cursor, group),
            Row::File(_) => files(space, cursor, group),
        };
        frames.push((cursor, frame));
        told = cursor;
    }
    frames
}

fn kind(row: &Row) -> u8 {
    row.position().rank
}

fn sync(space: ReplayedSpace, prev: Cursor, cursor: Cursor, rows: &[Row]) -> Bytes {
    let ReplayedSpace { id, key_generation, rewrap_epoch } = space;
    let records = rows.iter().filter_map(record).collect();
    frame::notification(
        method::SYNC,
        &Sync { space: id, prev, cursor, key_generation, rewrap_epoch, records },
    )
}

fn record(row: &Row) -> Option<RecordEntry<'_>> {
    let Row::Record(record) = row else { return None };
    let (blob, dek, deleted) = stored_rows::record(&record.state);
    Some(RecordEntry { id: record.id, blob, cursor: record.cursor, dek, deleted })
}

fn membership(space: ReplayedSpace, cursor: Cursor, rows: &[Row]) -> Bytes {
    let entries = rows.iter().filter_map(|row| match row {
        Row::Member(entry) => Some(stored_rows::entry(entry)),
        Row::Record(_) | Row::File(_) => None,
    });
    let event = MembershipEvent { space: space.id, cursor, entries: entries.collect() };
    frame::notification(method::MEMBERSHIP, &event)
}

fn files(space: ReplayedSpace, cursor: Cursor, rows: &[Row]) -> Bytes {
    let event = FileEvent { space: space.id, cursor, files: rows.iter().filter_map(file).collect() };
    frame::notification(method::FILE, &event)
}

fn file(row: &Row) -> Option<FileEntry<'_>> {
    let Row::File(file) = row else { return None };
    let (size, dek, deleted) = stored_rows::file(file);
    Some(FileEntry { id: file.id, record_id: file.record, size, dek, deleted })
}

#[cfg(test)]
mod tests;
