//! Invitations in mailboxes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{InvitationId, MailboxId, PeerId};
use less_sync_storage::{
    DatabaseTime, Flow, Invitation, InvitationError, InvitationRejection, Invitations, MailboxLimits,
    MailboxPage, NewInvitation, StorageError,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::disk_reserve::DiskReserve;
use crate::error::storage_error;

/// Estimate of the log bytes per created or purged invitation, without its payload.
const INVITATION_BYTES: usize = 512;

const COUNT: &str = "\
    SELECT count(*), count(*) FILTER (WHERE origin_peer = ?3) FROM invitations
    WHERE mailbox_id = ?1 AND expires_at > ?2";

const INSERT: &str = "\
    INSERT INTO invitations (id, mailbox_id, created_at, expires_at, origin_peer, payload)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const SELECT_POSITION: &str = "SELECT created_at FROM invitations WHERE id = ?1 AND mailbox_id = ?2";

const SELECT_PAGE: &str = "\
    SELECT id, payload, created_at, expires_at FROM invitations
    WHERE mailbox_id = ?1 AND expires_at > ?2 AND (created_at, id) > (?3, ?4)
    ORDER BY created_at, id LIMIT ?5";

const SELECT: &str = "\
    SELECT id, payload, created_at, expires_at FROM invitations
    WHERE id = ?1 AND mailbox_id = ?2 AND expires_at > ?3";

const DELETE: &str = "DELETE FROM invitations WHERE id = ?1 AND mailbox_id = ?2";

const DELETE_FROM_PEER: &str = "DELETE FROM invitations WHERE origin_peer = ?1";

const PURGE: &str = "\
    DELETE FROM invitations WHERE id IN (
        SELECT id FROM invitations WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2
    )";

#[async_trait]
impl Invitations for SqliteStorage {
    async fn create_invitation(
        &self,
        mailbox: MailboxId,
        invitation: NewInvitation,
        limits: MailboxLimits,
    ) -> Result<Invitation, InvitationError> {
        let bytes = INVITATION_BYTES + invitation.payload.len();
        let reserve = Arc::clone(&self.reserve);
        let create = move |db: &Connection| create(db, mailbox, &invitation, limits, &reserve);
        self.writer.write(bytes, create).await
    }

    async fn invitations(
        &self,
        mailbox: MailboxId,
        page: MailboxPage,
    ) -> Result<Vec<Invitation>, StorageError> {
        self.readers.snapshot(Flow::of_mailbox(mailbox), move |db| list(db, mailbox, page)).await
    }

    async fn invitation(&self, mailbox: MailboxId, id: InvitationId) -> Result<Invitation, InvitationError> {
        self.readers
            .read(Flow::of_mailbox(mailbox), move |db| {
                let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
                let wanted = params![id.as_bytes(), mailbox.to_hex(), now_micros()];
                let found = select.query_row(wanted, read).optional().map_err(storage_error)?;
                found.ok_or(InvitationRejection::NotFound.into())
            })
            .await
    }

    async fn delete_invitation(&self, mailbox: MailboxId, id: InvitationId) -> Result<(), InvitationError> {
        self.writer
            .write(INVITATION_BYTES, move |db| {
                let mut delete = db.prepare_cached(DELETE).map_err(storage_error)?;
                match delete.execute(params![id.as_bytes(), mailbox.to_hex()]).map_err(storage_error)? {
                    0 => Err(InvitationRejection::NotFound.into()),
                    _ => Ok(()),
                }
            })
            .await
    }

    async fn delete_invitations_from(&self, peer: &PeerId) -> Result<u64, StorageError> {
        let peer = peer.clone();
        self.writer
            .write(INVITATION_BYTES, move |db| {
                let mut delete = db.prepare_cached(DELETE_FROM_PEER).map_err(storage_error)?;
                delete.execute([peer.as_str()]).map(|rows| rows as u64).map_err(storage_error)
            })
            .await
    }

    async fn purge_invitations(&self, batch: usize) -> Result<usize, StorageError> {
        self.writer
            .write(INVITATION_BYTES.saturating_mul(batch), move |db| {
                let mut purge = db.prepare_cached(PURGE).map_err(storage_error)?;
                let batch = i64::try_from(batch).unwrap_or(i64::MAX);
                purge.execute(params![now_micros(), batch]).map_err(storage_error)
            })
            .await
    }
}

fn create(
    db: &Connection,
    mailbox: MailboxId,
    invitation: &NewInvitation,
    limits: MailboxLimits,
    reserve: &DiskReserve,
) -> Result<Invitation, InvitationError> {
    let (mailbox, now) = (mailbox.to_hex(), now_micros());
    let mut count = db.prepare_cached(COUNT).map_err(storage_error)?;
    let (all, from_peer): (u32, u32) = count
        .query_row(params![mailbox, now, invitation.origin_peer], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(storage_error)?;
    let peer_is_done = invitation.origin_peer.is_some() && from_peer as usize >= limits.from_one_peer;
    if all as usize >= limits.invitations || peer_is_done {
        return Err(InvitationRejection::MailboxFull.into());
    }
    if !reserve.admits(INVITATION_BYTES + invitation.payload.len()) {
        return Err(InvitationRejection::StoreFull.into());
    }
    let NewInvitation { id, payload, origin_peer } = invitation;
    let expires = now.saturating_add(micros(limits.lifetime));
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    insert
        .execute(params![id.as_bytes(), mailbox, now, expires, origin_peer, payload.as_ref()])
        .map_err(storage_error)?;
    Ok(Invitation {
        id: *id,
        payload: payload.clone(),
        created_at: DatabaseTime::from_micros(now),
        expires_at: DatabaseTime::from_micros(expires),
    })
}

fn list(db: &Connection, mailbox: MailboxId, page: MailboxPage) -> Result<Vec<Invitation>, StorageError> {
    let mailbox = mailbox.to_hex();
    let Some((time, id)) = position(db, &mailbox, page.after)? else { return Ok(Vec::new()) };
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut select = db.prepare_cached(SELECT_PAGE).map_err(storage_error)?;
    let mut rows = select.query(params![mailbox, now_micros(), time, id, limit]).map_err(storage_error)?;
    let (mut invitations, mut bytes) = (Vec::new(), 0);
    while bytes < page.max_bytes
        && let Some(row) = rows.next().map_err(storage_error)?
    {
        let invitation = read(row).map_err(storage_error)?;
        bytes += invitation.payload.len();
        invitations.push(invitation);
    }
    Ok(invitations)
}

/// Start of a page; `None` if the invitation that it is to follow is not in the mailbox.
fn position(
    db: &Connection,
    mailbox: &str,
    after: Option<InvitationId>,
) -> Result<Option<(i64, Vec<u8>)>, StorageError> {
    let Some(id) = after else { return Ok(Some((i64::MIN, Vec::new()))) };
    let mut select = db.prepare_cached(SELECT_POSITION).map_err(storage_error)?;
    let time = select.query_row(params![id.as_bytes(), mailbox], |row| row.get(0)).optional();
    Ok(time.map_err(storage_error)?.map(|time| (time, id.as_bytes().to_vec())))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Invitation> {
    Ok(Invitation {
        id: InvitationId::from_bytes(row.get(0)?),
        payload: Bytes::from(row.get::<_, Vec<u8>>(1)?),
        created_at: DatabaseTime::from_micros(row.get(2)?),
        expires_at: DatabaseTime::from_micros(row.get(3)?),
    })
}
