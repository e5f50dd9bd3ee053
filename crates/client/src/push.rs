//! Writing records.

use bytes::Bytes;
use less_sync_core::wire::DekField;
use less_sync_core::wire::method;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::{Cursor, RecordId, SpaceId};

use crate::connection::Connection;
use crate::error::{CallError, Code, PushError};

/// One record to write or delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which record.
    pub id: RecordId,
    /// The ciphertext; `None` deletes.
    pub blob: Option<Bytes>,
    /// The cursor of the record as far as the writer knows; 0 for a new one.
    pub expected_cursor: Cursor,
    /// The wrapped key, 44 bytes.
    pub dek: Option<Bytes>,
}

impl Change {
    /// A new record.
    #[must_use]
    pub fn create(id: RecordId, blob: impl Into<Bytes>) -> Self {
        Self::update(id, Cursor::ZERO, blob)
    }

    /// A record that was last written at `expected_cursor`.
    #[must_use]
    pub fn update(id: RecordId, expected_cursor: Cursor, blob: impl Into<Bytes>) -> Self {
        Self { id, blob: Some(blob.into()), expected_cursor, dek: None }
    }

    /// The end of a record that was last written at `expected_cursor`.
    #[must_use]
    pub fn delete(id: RecordId, expected_cursor: Cursor) -> Self {
        Self { id, blob: None, expected_cursor, dek: None }
    }

    /// With this wrapped key.
    #[must_use]
    pub fn with_dek(mut self, dek: impl Into<Bytes>) -> Self {
        self.dek = Some(dek.into());
        self
    }
}

/// What a push to a shared space says beside its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushOptions {
    /// The right to write.
    pub ucan: Option<String>,
    /// The epoch that the writer believes current.
    pub epoch: Option<i32>,
}

impl Connection {
    /// Writes every change or none; the cursor is the space's after it.
    ///
    /// Not safe to repeat blindly: after a lost answer the repetition is a conflict.
    ///
    /// # Errors
    /// [`PushError::Rejected`] when nothing was written, [`PushError::Call`] when that is unknown.
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
        let answer = self.call(method::PUSH, &params).await?;
        let result: PushResult<'_> = answer.decode()?;
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
