//! Bindings of DIDs and mailboxes to issuers.

use async_trait::async_trait;
use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{BindingKey, Flow, IssuerBindings, StorageError};
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStorage;
use crate::error::{database, storage_error};

/// Estimate of the log bytes per binding, without its issuer.
const BINDING_BYTES: usize = 128;

const SELECT: &str = "SELECT issuer FROM issuer_bindings WHERE key = ?1";

const INSERT: &str = "INSERT INTO issuer_bindings (key, issuer) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

const REPLACE: &str = "\
    INSERT INTO issuer_bindings (key, issuer) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET issuer = excluded.issuer";

#[async_trait]
impl IssuerBindings for SqliteStorage {
    async fn bind_issuer(&self, key: BindingKey, issuer: &str) -> Result<String, StorageError> {
        if let Some(bound) = self.readers.read(Flow::SERVER, move |db| find(db, key)).await? {
            return Ok(bound);
        }
        let issuer = issuer.to_owned();
        self.writer
            .write(BINDING_BYTES + issuer.len(), move |db| {
                write(db, INSERT, key, &issuer)?;
                find(db, key)?.ok_or_else(|| database(CorruptRow("issuer binding")))
            })
            .await
    }

    async fn rebind_issuer(&self, key: BindingKey, issuer: &str) -> Result<(), StorageError> {
        let issuer = issuer.to_owned();
        self.writer.write(BINDING_BYTES + issuer.len(), move |db| write(db, REPLACE, key, &issuer)).await
    }
}

fn find(db: &Connection, key: BindingKey) -> Result<Option<String>, StorageError> {
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    select.query_row([key.as_bytes()], |row| row.get(0)).optional().map_err(storage_error)
}

fn write(db: &Connection, statement: &str, key: BindingKey, issuer: &str) -> Result<(), StorageError> {
    let mut write = db.prepare_cached(statement).map_err(storage_error)?;
    write.execute(params![key.as_bytes(), issuer]).map(drop).map_err(storage_error)
}
