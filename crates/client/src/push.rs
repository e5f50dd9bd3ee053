//! Pushes: writes and deletions of records.

use bytes::Bytes;
use less_sync_core::wire::DekField;
use less_sync_core::wire::method;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::{Cursor, Epoch, RecordId, SpaceId};

use crate::connection::Connection;
use crate::error::{CallError, Code, PushError};

/// Write or deletion of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Id of the record.
    pub id: RecordId,
    /// Ciphertext; `None` deletes the record.
    pub blob: Option<Bytes>,
    /// Expected current cursor of the record; 0 for a new record.
    pub expected_cursor: Cursor,
    /// Wrapped key, 44 bytes.
    pub dek: Option<Bytes>,
}

impl Change {
    /// Creates a record.
    #[must_use]
    pub fn create(id: RecordId, blob: impl Into<Bytes>) -> Self {
        Self::update(id, Cursor::ZERO, blob)
    }

    /// Updates a record last written at `expected_cursor`.
    #[must_use]
    pub fn update(id: RecordId, expected_cursor: Cursor, blob: impl Into<Bytes>) -> Self {
        Self { id, blob: Some(blob.into()), expected_cursor, dek: None }
    }

    /// Deletes a record last written at `expected_cursor`.
    #[must_use]
    pub fn delete(id: RecordId, expected_cursor: Cursor) -> Self {
        Self { id, blob: None, expected_cursor, dek: None }
    }

    /// Sets the wrapped key.
    #[must_use]
    pub fn with_dek(mut self, dek: impl Into<Bytes>) -> Self {
        self.dek = Some(dek.into());
        self
    }
}

/// Credentials and epoch of a push to a shared space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushOptions {
    /// Chain of UCANs with write permission.
    pub ucan: Option<String>,
    /// Epoch that the writer considers current; the server rejects a stale one.
    pub epoch: Option<Epoch>,
}

impl Connection {
    /// Applies all changes or none; returns the cursor of the push.
    ///
    /// Not idempotent: a retry after a lost response is a conflict.
    ///
    /// # Errors
    /// [`PushError::Rejected`] if nothing was written, [`PushError::Call`] if the outcome is unknown.
    pub async fn push(&self, space: SpaceId, changes: &[Change]) -> Result<Cursor, PushError> {
        self.push_with(space, changes, &PushOptions::default()).await
    }

    /// As [`Connection::push`], for shared spaces.
    ///
    /// # Errors
    /// As [`Connection::push`].
    pub async fn push_with(
        &self,
        space: SpaceId,
        changes: &[Change],
        options: &PushOptions,
    ) -> Result<Cursor, PushError> {
        let space = space.to_string();
        let ids: Vec<String> = changes.iter().map(|change| change.id.to_string()).collect();
        let params = PushParams {
            space: &space,
            ucan: options.ucan.as_deref(),
            epoch: options.epoch,
            home_server: None,
            changes: changes.iter().zip(&ids).map(|(change, id)| params(change, id)).collect(),
        };
        let response = self.call(method::PUSH, &params).await?;
        let result: PushResult<'_> = response.decode()?;
        match (result.ok, result.error) {
            (true, _) => Ok(result.cursor),
            (false, Some(code)) => Err(PushError::Rejected { code: Code::from(code), cursor: result.cursor }),
            (false, None) => Err(CallError::Undecodable.into()),
        }
    }
}

fn params<'a>(change: &'a Change, id: &'a str) -> ChangeParams<'a> {
    ChangeParams {
        id,
        blob: change.blob.as_deref(),
        expected_cursor: change.expected_cursor.as_i64(),
        dek: change.dek.as_deref().map_or(DekField::Absent, DekField::Stated),
    }
}
