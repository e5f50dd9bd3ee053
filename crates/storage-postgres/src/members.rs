//! Membership log.

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{ChainSeq, Cursor, MetadataVersion, Requested};
use less_sync_storage::stored::{CorruptRow, chain_seq, cursor, metadata_version};
use less_sync_storage::{
    Access, Appended, MEMBER_OVERHEAD, MemberEntry, MemberLimits, MemberList, MemberRange, Members,
    MembersHead, MembershipError, MembershipRejection, NewMember, ReadGrant, StorageError,
};
use uuid::Uuid;

use crate::PostgresStorage;
use crate::access::{Locked, ReadCheck, cids, for_writing};
use crate::columns::hash;
use crate::pool::Class;
use crate::read::read;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

#[async_trait]
impl Members for PostgresStorage {
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
        let append = Append { access: grant.access(), expected_version, entry: &entry, cap: limits.log };
        self.pool.transact(Class::Push, &append).await
    }

    async fn list_members(&self, grant: &ReadGrant, range: MemberRange) -> Result<MemberList, StorageError> {
        read!(self.pool, Class::Request, |db| list(db, grant.access(), range))
    }

    async fn members_head(&self, grant: &ReadGrant) -> Result<MembersHead, StorageError> {
        read!(self.pool, Class::Request, |db| head(db, grant.access()))
    }
}

struct Append<'a> {
    access: &'a Access,
    expected_version: Requested<MetadataVersion>,
    entry: &'a NewMember,
    cap: u64,
}

impl Transaction for Append<'_> {
    type Outcome = Appended;
    type Rejection = MembershipRejection;

    async fn run(&self, db: &mut Session) -> Result<Appended, Aborted<MembershipRejection>> {
        let space = for_writing(db, self.access).await?;
        if !self.expected_version.is(space.metadata_version) {
            return Err(MembershipRejection::VersionConflict.into());
        }
        let last = last(db, space.id).await?;
        let appended = self.appended(&space, last)?;
        insert(db, &space, &appended, self.entry).await?;
        Ok(appended)
    }
}

impl Append<'_> {
    /// Checks an append against the last entry and the cap, and computes its result.
    fn appended(
        &self,
        space: &Locked,
        last: Option<(ChainSeq, [u8; 32])>,
    ) -> Result<Appended, Aborted<MembershipRejection>> {
        if last.as_ref().map(|(_, hash)| hash) != self.entry.prev_hash() {
            return Err(MembershipRejection::HashChainBroken.into());
        }
        let size = u64::try_from(space.members_bytes).map_err(|_| CorruptRow("size of a log"))?;
        if size.saturating_add(self.entry.log_bytes()) > self.cap {
            return Err(MembershipRejection::LogFull.into());
        }
        let last_version = last.map_or(MetadataVersion::ZERO, |(seq, _)| seq.version());
        Ok(Appended {
            chain_seq: next(last_version)?,
            prev: space.cursor,
            metadata_version: next(space.metadata_version)?.version(),
            cursor: space.cursor.next().ok_or(MembershipRejection::CursorExhausted)?,
            key_generation: space.key_generation,
            rewrap_epoch: space.rewrap_epoch,
        })
    }
}

/// Position of the entry after this version; an error in a log that has used all positions.
fn next(version: MetadataVersion) -> Result<ChainSeq, MembershipError> {
    version.next_seq().ok_or(MembershipRejection::LogFull.into())
}

/// Number and hash of the last entry.
async fn last(
    db: &mut Session,
    space: Uuid,
) -> Result<Option<(ChainSeq, [u8; 32])>, Aborted<MembershipRejection>> {
    let last = sqlx::query!(
        "SELECT chain_seq, entry_hash FROM members WHERE space_id = $1 ORDER BY chain_seq DESC LIMIT 1",
        space,
    );
    let Some(row) = last.fetch_optional(db).await? else { return Ok(None) };
    Ok(Some((chain_seq(row.chain_seq)?, hash(row.entry_hash)?)))
}

/// The entry and the state of its space in one statement.
async fn insert(
    db: &mut Session,
    space: &Locked,
    appended: &Appended,
    entry: &NewMember,
) -> Result<(), Aborted<MembershipRejection>> {
    let grown = i64::try_from(entry.log_bytes()).map_err(|_| MembershipRejection::LogFull)?;
    let inserted = sqlx::query!(
        "WITH entry AS (
             INSERT INTO members (space_id, chain_seq, cursor, prev_hash, entry_hash, payload)
             VALUES ($1, $2, $3, $4, $5, $6)
         )
         UPDATE spaces
         SET cursor = $3, metadata_version = $7, members_bytes = members_bytes + $8, updated_at = now(),
             counted_cursor = CASE WHEN counted_cursor = cursor THEN $3 ELSE counted_cursor END
         WHERE id = $1",
        space.id,
        appended.chain_seq.get(),
        appended.cursor.as_i64(),
        entry.prev_hash().map(|hash| &hash[..]),
        &entry.entry_hash()[..],
        &entry.payload()[..],
        appended.metadata_version.get(),
        grown,
    );
    inserted.execute(db).await?;
    Ok(())
}

/// Version and entries in one snapshot. Newest first, since those are wanted when not all fit; each counts at least
/// [`MEMBER_OVERHEAD`], so what lies far beyond the limit is not even weighed. `octet_length` of a payload that is
/// stored out of line does not fetch it. For a caller without access no entries are read.
async fn list(db: &mut Session, access: &Access, range: MemberRange) -> Result<MemberList, Aborted> {
    let listed = sqlx::query!(
        r#"WITH space AS MATERIALIZED (
               SELECT metadata_version, root_public_key IS NOT NULL AS shared,
                      EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS revoked
               FROM spaces WHERE id = $1
           )
           SELECT metadata_version AS "metadata_version!", shared AS "shared!", revoked AS "revoked!",
                  chain_seq AS "chain_seq?", cursor AS "cursor?", prev_hash,
                  entry_hash AS "entry_hash?", payload AS "payload?"
           FROM space LEFT JOIN LATERAL (
               SELECT *, sum(octet_length(payload) + $6::bigint) OVER (ORDER BY chain_seq DESC) AS weight
               FROM (
                   SELECT chain_seq, cursor, prev_hash, entry_hash, payload FROM members
                   WHERE space_id = $1 AND chain_seq > $3 AND chain_seq <= $4 AND NOT space.revoked
                   ORDER BY chain_seq DESC LIMIT $5::bigint / $6::bigint
               ) AS newest
           ) AS weighed ON weight <= $5::bigint
           ORDER BY chain_seq"#,
        access.space().as_uuid(),
        &cids(access),
        range.since.get(),
        range.until.unwrap_or(MetadataVersion::MAX).get(),
        i64::try_from(range.max_bytes).unwrap_or(i64::MAX),
        i64::try_from(MEMBER_OVERHEAD).unwrap_or(i64::MAX),
    );
    let rows = listed.fetch_all(db).await?;
    let first = rows.first().ok_or(StorageError::SpaceNotFound)?;
    ReadCheck { shared: first.shared, revoked: first.revoked }.admit(access)?;
    let metadata_version = metadata_version(first.metadata_version)?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(seq) = row.chain_seq else { break };
        entries.push(MemberEntry {
            chain_seq: chain_seq(seq)?,
            cursor: row.cursor.map_or(Ok(Cursor::ZERO), cursor)?,
            prev_hash: row.prev_hash.map(hash).transpose()?,
            entry_hash: row.entry_hash.map(hash).ok_or(CorruptRow("entry hash"))??,
            payload: row.payload.map(Bytes::from).ok_or(CorruptRow("membership payload"))?,
        });
    }
    Ok(MemberList { entries, metadata_version })
}

async fn head(db: &mut Session, access: &Access) -> Result<MembersHead, Aborted> {
    let head = sqlx::query!(
        r#"SELECT metadata_version, root_public_key IS NOT NULL AS "shared!",
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!",
                  chain_seq AS "chain_seq?", entry_hash AS "entry_hash?"
           FROM spaces LEFT JOIN LATERAL (
               SELECT chain_seq, entry_hash FROM members WHERE space_id = $1 ORDER BY chain_seq DESC LIMIT 1
           ) AS last ON true
           WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
    );
    let row = head.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    ReadCheck { shared: row.shared, revoked: row.revoked }.admit(access)?;
    let last = match (row.chain_seq, row.entry_hash) {
        (Some(seq), Some(bytes)) => Some((chain_seq(seq)?, hash(bytes)?)),
        _ => None,
    };
    Ok(MembersHead { metadata_version: metadata_version(row.metadata_version)?, last })
}
