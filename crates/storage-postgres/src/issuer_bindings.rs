//! Bindings of DIDs and mailboxes to issuers.

use async_trait::async_trait;
use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{BindingKey, IssuerBindings, StorageError};

use crate::PostgresStorage;
use crate::pool::Class;
use crate::read::{read, statement};

#[async_trait]
impl IssuerBindings for PostgresStorage {
    /// Reads, inserts, and reads again: under READ COMMITTED an insert that waited for a concurrent one does not see its
    /// row, but the next statement does.
    async fn bind_issuer(&self, key: BindingKey, issuer: &str) -> Result<String, StorageError> {
        if let Some(bound) = self.bound_issuer(key).await? {
            return Ok(bound);
        }
        statement!(self.pool, Class::Request, |db| sqlx::query!(
            "INSERT INTO issuer_bindings (key, issuer) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
            key.as_bytes(),
            issuer,
        )
        .execute(db))?;
        Ok(self.bound_issuer(key).await?.ok_or(CorruptRow("issuer binding"))?)
    }

    async fn rebind_issuer(&self, key: BindingKey, issuer: &str) -> Result<(), StorageError> {
        let replaced = statement!(self.pool, Class::Request, |db| sqlx::query!(
            "INSERT INTO issuer_bindings (key, issuer) VALUES ($1, $2)
             ON CONFLICT (key) DO UPDATE SET issuer = excluded.issuer",
            key.as_bytes(),
            issuer,
        )
        .execute(db));
        replaced.map(drop)
    }
}

impl PostgresStorage {
    async fn bound_issuer(&self, key: BindingKey) -> Result<Option<String>, StorageError> {
        read!(self.pool, Class::Request, |db| {
            sqlx::query_scalar!("SELECT issuer FROM issuer_bindings WHERE key = $1", key.as_bytes())
                .fetch_optional(db)
        })
    }
}
