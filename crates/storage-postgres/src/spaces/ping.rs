//! Health check of a session: it responds, and takes writes.

use less_sync_storage::StorageError;

use crate::error::{storage_error, unavailable};
use crate::read::{ReadError, SessionError};
use crate::session::Session;

/// Checks that the database responds, and that transactions of this session may write.
pub(super) async fn ping(db: &mut Session) -> Result<(), PingError> {
    let select =
        sqlx::query_scalar!(r#"SELECT current_setting('transaction_read_only')::bool AS "is_read_only!""#);
    if select.fetch_one(db).await? { Err(PingError::ReadOnly) } else { Ok(()) }
}

/// Failure of a health check.
#[derive(Debug, thiserror::Error)]
pub(super) enum PingError {
    /// The session cannot be used.
    #[error(transparent)]
    Driver(#[from] sqlx::Error),
    /// Every push would be rejected.
    #[error("database is read-only: a standby, or default_transaction_read_only is on")]
    ReadOnly,
}

impl SessionError for PingError {
    fn ends_session(&self) -> bool {
        match self {
            Self::Driver(error) => error.ends_session(),
            // After a failover a new session may lead to the primary.
            Self::ReadOnly => true,
        }
    }

    fn is_name_clash(&self) -> bool {
        match self {
            Self::Driver(error) => error.is_name_clash(),
            Self::ReadOnly => false,
        }
    }
}

impl<R> ReadError<R> for PingError {
    fn into_storage_error(self) -> StorageError<R> {
        match self {
            Self::Driver(error) => storage_error(error),
            Self::ReadOnly => unavailable(self),
        }
    }
}
