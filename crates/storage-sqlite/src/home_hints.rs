//! Home hints of mailboxes.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{MailboxId, PeerId};
use less_sync_storage::stored::home_hint;
use less_sync_storage::{Flow, HOME_HINTS, HomeHint, HomeHints, StorageError};
use rusqlite::{Connection, params};

use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::error::storage_error;

/// Estimate of the log bytes per hint.
const HINT_BYTES: usize = 512;

const INSERT: &str = "\
    INSERT INTO federation_home_hints (mailbox_id, peer_domain, tag, created_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (mailbox_id, peer_domain, tag) DO UPDATE
    SET created_at = excluded.created_at, expires_at = max(expires_at, excluded.expires_at)";

const EVICT: &str = "\
    DELETE FROM federation_home_hints WHERE mailbox_id = ?1 AND (peer_domain, tag) IN (
        SELECT peer_domain, tag FROM federation_home_hints WHERE mailbox_id = ?1
        ORDER BY created_at DESC LIMIT -1 OFFSET ?2
    )";

const SELECT: &str = "\
    SELECT peer_domain, tag FROM federation_home_hints
    WHERE mailbox_id = ?1 AND expires_at > ?2 ORDER BY created_at DESC";

const DELETE_OF: &str = "DELETE FROM federation_home_hints WHERE peer_domain = ?1";

const PURGE: &str = "\
    DELETE FROM federation_home_hints WHERE (mailbox_id, peer_domain, tag) IN (
        SELECT mailbox_id, peer_domain, tag FROM federation_home_hints
        WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2
    )";

#[async_trait]
impl HomeHints for SqliteStorage {
    async fn add_home_hint(
        &self,
        mailbox: MailboxId,
        hint: &HomeHint,
        lifetime: Duration,
    ) -> Result<(), StorageError> {
        let hint = hint.clone();
        self.writer.write(HINT_BYTES, move |db| add(db, mailbox, &hint, lifetime)).await
    }

    async fn home_hints(&self, mailbox: MailboxId) -> Result<Vec<HomeHint>, StorageError> {
        self.readers.snapshot(Flow::of_mailbox(mailbox), move |db| list(db, mailbox)).await
    }

    async fn delete_home_hints_of(&self, peer: &PeerId) -> Result<u64, StorageError> {
        let peer = peer.clone();
        self.writer
            .write(HINT_BYTES, move |db| {
                let mut delete = db.prepare_cached(DELETE_OF).map_err(storage_error)?;
                delete.execute([peer.as_str()]).map(|rows| rows as u64).map_err(storage_error)
            })
            .await
    }

    async fn purge_home_hints(&self, batch: usize) -> Result<usize, StorageError> {
        self.writer
            .write(HINT_BYTES.saturating_mul(batch), move |db| {
                let mut purge = db.prepare_cached(PURGE).map_err(storage_error)?;
                let batch = i64::try_from(batch).unwrap_or(i64::MAX);
                purge.execute(params![now_micros(), batch]).map_err(storage_error)
            })
            .await
    }
}

fn add(db: &Connection, mailbox: MailboxId, hint: &HomeHint, lifetime: Duration) -> Result<(), StorageError> {
    let (mailbox, now) = (mailbox.to_hex(), now_micros());
    let tag = hint.tag.as_ref().map_or(&[][..], |tag| &tag[..]);
    let expires = now.saturating_add(micros(lifetime));
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    insert.execute(params![mailbox, hint.peer.as_str(), tag, now, expires]).map_err(storage_error)?;
    let mut evict = db.prepare_cached(EVICT).map_err(storage_error)?;
    let kept = i64::try_from(HOME_HINTS).unwrap_or(i64::MAX);
    evict.execute(params![mailbox, kept]).map_err(storage_error)?;
    Ok(())
}

fn list(db: &Connection, mailbox: MailboxId) -> Result<Vec<HomeHint>, StorageError> {
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    let mut rows = select.query(params![mailbox.to_hex(), now_micros()]).map_err(storage_error)?;
    let mut hints = Vec::new();
    while let Some(row) = rows.next().map_err(storage_error)? {
        let (peer, tag): (String, Vec<u8>) =
            (row.get(0).map_err(storage_error)?, row.get(1).map_err(storage_error)?);
        hints.push(home_hint(&peer, Some(&tag))?);
    }
    Ok(hints)
}
