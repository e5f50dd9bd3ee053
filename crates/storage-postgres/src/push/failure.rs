//! Failure of a statement with pushes, shared by all of its callers.

use std::sync::Arc;

use less_sync_storage::PushError;

use super::outcome::Verdict;
use crate::driver_failure::DriverFailure;
use crate::error::{NoConnection, database, unavailable};
use crate::sqlstate::{Meaning, leaves_connection, meaning};

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No connection; the statement was not sent.
    #[error("no connection for pushes")]
    Connect(#[from] NoConnection),
    /// The statement failed, or its outcome is unknown.
    #[error("push statement failed")]
    Statement(#[source] DriverFailure),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error.into())
    }
}

impl Failure {
    /// True if the batch was rolled back for a reason that one of its pushes may have given. When the connection is
    /// lost, the outcome of the batch is unknown (storage T9), so nothing may be sent again.
    pub(super) fn may_be_of_one(&self) -> bool {
        match self {
            Self::Connect(_) => false,
            Self::Statement(failure) => {
                let error = failure.driver();
                error.as_database_error().is_some()
                    && leaves_connection(error)
                    && meaning(error) != Meaning::Unavailable
            }
        }
    }

    /// The verdict for each of so many callers.
    pub(super) fn verdicts(self, callers: usize) -> Vec<Verdict> {
        let failed = PushFailed(Arc::new(self));
        (0..callers).map(|_| Verdict::Decided(Err(failed.error()))).collect()
    }
}

/// A failure that many callers share.
#[derive(Clone, Debug, thiserror::Error)]
#[error("push was not acknowledged")]
struct PushFailed(#[source] Arc<Failure>);

impl PushFailed {
    fn error(&self) -> PushError {
        let may_pass = match &*self.0 {
            Failure::Connect(_) => true,
            Failure::Statement(failure) => {
                matches!(meaning(failure.driver()), Meaning::Unavailable | Meaning::Retry(_))
            }
        };
        if may_pass { unavailable(self.clone()) } else { database(self.clone()) }
    }
}
