//! Home hints of mailboxes. As for invitations, each parameter that is a mailbox id is cast (storage §7.2).

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{MailboxId, PeerId};
use less_sync_storage::stored::home_hint;
use less_sync_storage::{HOME_HINTS, HomeHint, HomeHints, StorageError};

use crate::PostgresStorage;
use crate::clock::micros;
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

#[async_trait]
impl HomeHints for PostgresStorage {
    async fn add_home_hint(
        &self,
        mailbox: MailboxId,
        hint: &HomeHint,
        lifetime: Duration,
    ) -> Result<(), StorageError> {
        self.pool.transact(Class::Request, &Add { mailbox, hint, lifetime }).await
    }

    async fn home_hints(&self, mailbox: MailboxId) -> Result<Vec<HomeHint>, StorageError> {
        let rows = read!(self.pool, Class::Request, |db| select(db, mailbox))?;
        rows.iter().map(|(peer, tag)| Ok(home_hint(peer, tag.as_deref())?)).collect()
    }

    async fn delete_home_hints_of(&self, peer: &PeerId) -> Result<u64, StorageError> {
        let deleted = statement!(self.pool, Class::Job, |db| {
            sqlx::query!("DELETE FROM federation_home_hints WHERE peer_domain = $1", peer.as_str())
                .execute(db)
        });
        deleted.map(|deleted| deleted.rows_affected())
    }

    async fn purge_home_hints(&self, batch: usize) -> Result<usize, StorageError> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        statement!(self.pool, Class::Job, |db| purge(db, batch))
            .map(|rows| usize::try_from(rows).unwrap_or(usize::MAX))
    }
}

struct Add<'a> {
    mailbox: MailboxId,
    hint: &'a HomeHint,
    lifetime: Duration,
}

impl Transaction for Add<'_> {
    type Outcome = ();
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<(), Aborted> {
        let mailbox = self.mailbox.to_hex();
        // The time of the statement, not that of the transaction: the newest hint must be the last one.
        let add = sqlx::query!(
            "INSERT INTO federation_home_hints AS hint (mailbox_id, peer_domain, tag, created_at, expires_at)
             VALUES ($1::bpchar, $2, $3, clock_timestamp(), now() + $4::bigint * interval '1 microsecond')
             ON CONFLICT ON CONSTRAINT federation_home_hints_key DO UPDATE
             SET created_at = excluded.created_at, expires_at = greatest(hint.expires_at, excluded.expires_at)",
            mailbox,
            self.hint.peer.as_str(),
            self.hint.tag.as_ref().map(|tag| &tag[..]),
            micros(self.lifetime),
        );
        add.execute(&mut *db).await?;
        let evict = sqlx::query!(
            "DELETE FROM federation_home_hints WHERE ctid = ANY (ARRAY (
                 SELECT ctid FROM federation_home_hints WHERE mailbox_id = $1::bpchar
                 ORDER BY created_at DESC OFFSET $2 FOR UPDATE))",
            mailbox,
            i64::try_from(HOME_HINTS).unwrap_or(i64::MAX),
        );
        evict.execute(db).await?;
        Ok(())
    }
}

async fn select(db: &mut Session, mailbox: MailboxId) -> Result<Vec<(String, Option<Vec<u8>>)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT peer_domain, tag FROM federation_home_hints
         WHERE mailbox_id = $1::bpchar AND expires_at > now() ORDER BY created_at DESC",
        mailbox.to_hex(),
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.peer_domain, row.tag)).collect())
}

async fn purge(db: &mut Session, batch: i64) -> Result<u64, sqlx::Error> {
    let purged = sqlx::query!(
        "DELETE FROM federation_home_hints WHERE ctid = ANY (ARRAY (
             SELECT ctid FROM federation_home_hints WHERE expires_at < now()
             ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))",
        batch,
    );
    Ok(purged.execute(db).await?.rows_affected())
}
