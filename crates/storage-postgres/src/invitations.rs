//! Invitations in mailboxes. Mailbox ids are `character(64)`: a parameter that came as text would be compared with the column as
//! text, which no index serves, so each of them is cast (storage §7.2).

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{InvitationId, MailboxId, PeerId};
use less_sync_storage::{
    DatabaseTime, Invitation, InvitationError, InvitationRejection, Invitations, MailboxLimits, MailboxPage,
    NewInvitation, StorageError,
};
use uuid::Uuid;

use crate::PostgresStorage;
use crate::clock::micros;
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;

#[async_trait]
impl Invitations for PostgresStorage {
    async fn create_invitation(
        &self,
        mailbox: MailboxId,
        invitation: NewInvitation,
        limits: MailboxLimits,
    ) -> Result<Invitation, InvitationError> {
        let created = statement!(self.pool, Class::Request, |db| insert(db, mailbox, &invitation, limits))?;
        let (created_at, expires_at) = created.ok_or(InvitationRejection::MailboxFull)?;
        Ok(Invitation { id: invitation.id, payload: invitation.payload, created_at, expires_at })
    }

    async fn invitations(
        &self,
        mailbox: MailboxId,
        page: MailboxPage,
    ) -> Result<Vec<Invitation>, StorageError> {
        Ok(read!(self.pool, Class::Request, |db| select_page(db, mailbox, page))?
            .into_iter()
            .map(Row::read)
            .collect())
    }

    async fn invitation(&self, mailbox: MailboxId, id: InvitationId) -> Result<Invitation, InvitationError> {
        read!(self.pool, Class::Request, |db| select(db, mailbox, id))?
            .map(Row::read)
            .ok_or(InvitationRejection::NotFound.into())
    }

    async fn delete_invitation(&self, mailbox: MailboxId, id: InvitationId) -> Result<(), InvitationError> {
        let deleted = statement!(self.pool, Class::Request, |db| delete(db, mailbox, id))?;
        if deleted { Ok(()) } else { Err(InvitationRejection::NotFound.into()) }
    }

    async fn delete_invitations_from(&self, peer: &PeerId) -> Result<u64, StorageError> {
        let deleted = statement!(self.pool, Class::Job, |db| {
            sqlx::query!("DELETE FROM invitations WHERE origin_peer = $1", peer.as_str()).execute(db)
        });
        deleted.map(|deleted| deleted.rows_affected())
    }

    async fn purge_invitations(&self, batch: usize) -> Result<usize, StorageError> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        statement!(self.pool, Class::Job, |db| purge(db, batch))
            .map(|rows| usize::try_from(rows).unwrap_or(usize::MAX))
    }
}

/// A stored invitation; times in microseconds since 1970.
struct Row {
    id: Uuid,
    payload: Vec<u8>,
    created_at: i64,
    expires_at: i64,
}

impl Row {
    fn read(self) -> Invitation {
        Invitation {
            id: self.id.into(),
            payload: Bytes::from(self.payload),
            created_at: DatabaseTime::from_micros(self.created_at),
            expires_at: DatabaseTime::from_micros(self.expires_at),
        }
    }
}

/// Inserts an invitation and returns its times of creation and expiry; `None`: the mailbox is full.
async fn insert(
    db: &mut Session,
    mailbox: MailboxId,
    invitation: &NewInvitation,
    limits: MailboxLimits,
) -> Result<Option<(DatabaseTime, DatabaseTime)>, sqlx::Error> {
    let inserted = sqlx::query!(
        r#"WITH held AS (
               SELECT count(*) AS invitations, count(*) FILTER (WHERE origin_peer = $3) AS from_one_peer
               FROM invitations WHERE mailbox_id = $2::bpchar AND expires_at > now()
           )
           INSERT INTO invitations (id, mailbox_id, origin_peer, payload, expires_at)
           SELECT $1, $2::bpchar, $3, $4, now() + $7::bigint * interval '1 microsecond' FROM held
           WHERE invitations < $5 AND ($3::text IS NULL OR from_one_peer < $6)
           RETURNING (extract(epoch FROM created_at) * 1000000)::bigint AS "created_at!",
                     (extract(epoch FROM expires_at) * 1000000)::bigint AS "expires_at!""#,
        invitation.id.as_uuid(),
        mailbox.to_hex(),
        invitation.origin_peer.as_deref(),
        &invitation.payload[..],
        i64::try_from(limits.invitations).unwrap_or(i64::MAX),
        i64::try_from(limits.from_one_peer).unwrap_or(i64::MAX),
        micros(limits.lifetime),
    );
    let row = inserted.fetch_optional(db).await?;
    Ok(row.map(|row| (DatabaseTime::from_micros(row.created_at), DatabaseTime::from_micros(row.expires_at))))
}

/// The position is looked up by the same statement; one that is not in the mailbox is no position, and nothing comes
/// after it.
async fn select_page(
    db: &mut Session,
    mailbox: MailboxId,
    page: MailboxPage,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, payload, (extract(epoch FROM created_at) * 1000000)::bigint AS "created_at!",
                  (extract(epoch FROM expires_at) * 1000000)::bigint AS "expires_at!"
           FROM (
               SELECT *, sum(octet_length(payload)) OVER page - octet_length(payload) AS before
               FROM (
                   SELECT id, payload, created_at, expires_at FROM invitations
                   WHERE mailbox_id = $1::bpchar AND expires_at > now()
                     AND ($2::uuid IS NULL OR (created_at, id) > (
                         SELECT p.created_at, p.id FROM invitations p
                         WHERE p.id = $2::uuid AND p.mailbox_id = $1::bpchar))
                   ORDER BY created_at, id LIMIT $3
               ) AS oldest
               WINDOW page AS (ORDER BY created_at, id ROWS UNBOUNDED PRECEDING)
           ) AS weighed
           WHERE before < $4::bigint
           ORDER BY weighed.created_at, id"#,
        mailbox.to_hex(),
        page.after.map(|after| after.as_uuid()),
        i64::try_from(page.limit).unwrap_or(i64::MAX),
        i64::try_from(page.max_bytes).unwrap_or(i64::MAX),
    );
    rows.fetch_all(db).await
}

async fn select(db: &mut Session, mailbox: MailboxId, id: InvitationId) -> Result<Option<Row>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, payload, (extract(epoch FROM created_at) * 1000000)::bigint AS "created_at!",
                  (extract(epoch FROM expires_at) * 1000000)::bigint AS "expires_at!"
           FROM invitations WHERE id = $1 AND mailbox_id = $2::bpchar AND expires_at > now()"#,
        id.as_uuid(),
        mailbox.to_hex(),
    );
    row.fetch_optional(db).await
}

/// Deletes an invitation; true if it existed.
async fn delete(db: &mut Session, mailbox: MailboxId, id: InvitationId) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM invitations WHERE id = $1 AND mailbox_id = $2::bpchar",
        id.as_uuid(),
        mailbox.to_hex(),
    );
    Ok(deleted.execute(db).await?.rows_affected() == 1)
}

/// Deletes expired invitations. The ids are an array, so that the plan finds them once; SKIP LOCKED leaves invitations alone
/// that another process is deleting.
async fn purge(db: &mut Session, batch: i64) -> Result<u64, sqlx::Error> {
    let purged = sqlx::query!(
        "DELETE FROM invitations WHERE id = ANY (ARRAY (
             SELECT id FROM invitations WHERE expires_at < now()
             ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))",
        batch,
    );
    Ok(purged.execute(db).await?.rows_affected())
}
