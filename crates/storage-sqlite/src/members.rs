//! Membership log.

use std::sync::Arc;

use async_trait::async_trait;
use less_sync_core::{ChainSeq, MetadataVersion, Requested};
use less_sync_storage::stored::{CorruptRow, chain_seq, cursor, metadata_version};
use less_sync_storage::{
    Appended, MEMBER_OVERHEAD, MemberEntry, MemberLimits, MemberList, MemberRange, Members, MembersHead,
    MembershipError, MembershipRejection, NewMember, ReadGrant, StorageError,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::SqliteStorage;
use crate::access::{for_reading, for_writing};
use crate::clock::now_micros;
use crate::disk_reserve::DiskReserve;
use crate::error::{database, storage_error};
use crate::writer::Load;

const SELECT_SIZE: &str = "SELECT metadata_version, members_bytes FROM spaces WHERE id = ?1";

const SELECT_LAST: &str = "\
    SELECT chain_seq, entry_hash FROM members WHERE space_id = ?1 ORDER BY chain_seq DESC LIMIT 1";

const INSERT: &str = "\
    INSERT INTO members (space_id, chain_seq, cursor, prev_hash, entry_hash, payload)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const GROW: &str = "\
    UPDATE spaces SET cursor = ?2, metadata_version = ?3, members_bytes = ?4, updated_at = ?5 WHERE id = ?1";

/// Newest first, since the newest entries are returned when not all fit.
const SELECT: &str = "\
    SELECT chain_seq, cursor, prev_hash, entry_hash, length(payload), payload FROM members
    WHERE space_id = ?1 AND chain_seq > ?2 AND chain_seq <= ?3 ORDER BY chain_seq DESC";

#[async_trait]
impl Members for SqliteStorage {
    async fn append_member(
        &self,
        grant: &ReadGrant,
        expected_version: Requested<MetadataVersion>,
        entry: NewMember,
        limits: MemberLimits,
    ) -> Result<Appended, MembershipError> {
        if entry.payload().len() > limits.payload {
            return Err(MembershipRejection::PayloadTooLarge.into());
        }
        let (grant, reserve) = (grant.clone(), Arc::clone(&self.reserve));
        let load = Load::of(grant.access(), entry.payload().len());
        self.writer
            .write(load, move |db| append(db, &grant, expected_version, &entry, limits.log, &reserve))
            .await
    }

    async fn list_members(&self, grant: &ReadGrant, range: MemberRange) -> Result<MemberList, StorageError> {
        let grant = grant.clone();
        self.readers.snapshot(grant.access().flow(), move |db| list(db, &grant, range)).await
    }

    async fn members_head(&self, grant: &ReadGrant) -> Result<MembersHead, StorageError> {
        let grant = grant.clone();
        self.readers
            .snapshot(grant.access().flow(), move |db| {
                for_reading(db, grant.access())?;
                Ok(MembersHead { metadata_version: size(db, &grant)?.version, last: last(db, &grant)? })
            })
            .await
    }
}

/// Appends an entry. Compares everything before writing anything, since a rejected operation must leave no trace in the
/// shared transaction.
fn append(
    db: &Connection,
    grant: &ReadGrant,
    expected_version: Requested<MetadataVersion>,
    entry: &NewMember,
    cap: u64,
    reserve: &DiskReserve,
) -> Result<Appended, MembershipError> {
    let space = for_writing(db, grant.access())?;
    let size = size(db, grant)?;
    if !expected_version.is(size.version) {
        return Err(MembershipRejection::VersionConflict.into());
    }
    let last = last(db, grant)?;
    if last.as_ref().map(|(_, hash)| hash) != entry.prev_hash() {
        return Err(MembershipRejection::HashChainBroken.into());
    }
    let bytes = size.bytes.saturating_add(entry.log_bytes());
    if bytes > cap {
        return Err(MembershipRejection::LogFull.into());
    }
    if !reserve.admits(entry.payload().len()) {
        return Err(MembershipRejection::StoreFull.into());
    }
    let last_version = last.map_or(MetadataVersion::ZERO, |(seq, _)| seq.version());
    let chain_seq = next(last_version)?;
    let version = next(size.version)?.version();
    let at = space.cursor.next().ok_or(MembershipRejection::CursorExhausted)?;
    let id = space.id.as_bytes();
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    let hash = entry.entry_hash();
    insert
        .execute(params![id, chain_seq.get(), at.as_i64(), entry.prev_hash(), hash, entry.payload().as_ref()])
        .map_err(storage_error)?;
    let mut grow = db.prepare_cached(GROW).map_err(storage_error)?;
    let bytes = i64::try_from(bytes).map_err(database)?;
    grow.execute(params![id, at.as_i64(), version.get(), bytes, now_micros()]).map_err(storage_error)?;
    Ok(Appended {
        chain_seq,
        prev: space.cursor,
        cursor: at,
        metadata_version: version,
        key_generation: space.key_generation,
        rewrap_epoch: space.rewrap_epoch,
    })
}

/// Position of the entry after this version; an error in a log that has used all positions.
fn next(version: MetadataVersion) -> Result<ChainSeq, MembershipError> {
    version.next_seq().ok_or(MembershipRejection::LogFull.into())
}

struct LogSize {
    version: MetadataVersion,
    bytes: u64,
}

fn size<R>(db: &Connection, grant: &ReadGrant) -> Result<LogSize, StorageError<R>> {
    let mut select = db.prepare_cached(SELECT_SIZE).map_err(storage_error)?;
    let (version, bytes): (i32, i64) = select
        .query_row([grant.space().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(storage_error)?;
    let version = metadata_version(version)?;
    Ok(LogSize { version, bytes: u64::try_from(bytes).map_err(|_| CorruptRow("size of a log"))? })
}

fn last<R>(db: &Connection, grant: &ReadGrant) -> Result<Option<(ChainSeq, [u8; 32])>, StorageError<R>> {
    let mut select = db.prepare_cached(SELECT_LAST).map_err(storage_error)?;
    let found = select.query_row([grant.space().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional();
    let Some((seq, hash)) = found.map_err(storage_error)? else { return Ok(None) };
    Ok(Some((chain_seq(seq)?, hash)))
}

fn list(db: &Connection, grant: &ReadGrant, range: MemberRange) -> Result<MemberList, StorageError> {
    for_reading(db, grant.access())?;
    let metadata_version = size(db, grant)?.version;
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    let until = range.until.unwrap_or(MetadataVersion::MAX);
    let rows = select.query(params![grant.space().as_bytes(), range.since.get(), until.get()]);
    let mut rows = rows.map_err(storage_error)?;
    let (mut entries, mut left) = (Vec::new(), range.max_bytes);
    while let Some(row) = rows.next().map_err(storage_error)? {
        let payload: u32 = row.get(4).map_err(database)?;
        let Some(rest) = left.checked_sub(payload as usize + MEMBER_OVERHEAD) else { break };
        left = rest;
        entries.push(entry(row)?);
    }
    entries.reverse();
    Ok(MemberList { entries, metadata_version })
}

fn entry(row: &Row<'_>) -> Result<MemberEntry, StorageError> {
    let payload = row.get_ref(5).and_then(|payload| Ok(payload.as_blob()?)).map_err(database)?;
    Ok(MemberEntry {
        chain_seq: chain_seq(row.get(0).map_err(database)?)?,
        cursor: cursor(row.get(1).map_err(database)?)?,
        prev_hash: row.get(2).map_err(database)?,
        entry_hash: row.get(3).map_err(database)?,
        payload: bytes::Bytes::copy_from_slice(payload),
    })
}
