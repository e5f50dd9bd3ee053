//! Why a statement with pushes did not get through, and who hears of it.

use std::sync::Arc;

use less_sync_storage::PushError;

use super::outcome::Verdict;
use crate::error::{NoConnection, database, unavailable};
use crate::sqlstate::{Meaning, leaves_connection, meaning};

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was not even sent.
    #[error("no connection for pushes")]
    Connect(#[from] NoConnection),
    /// It failed, or its outcome is unknown.
    #[error("pushes failed in the database")]
    Statement(#[from] sqlx::Error),
}

impl Failure {
    /// Whether the batch was rolled back for a reason that one of its pushes may have given. When the connection is
    /// gone, nobody knows whether the batch was committed (storage T9), so nothing may be sent again.
    pub(super) fn may_be_of_one(&self) -> bool {
        match self {
            Self::Connect(_) => false,
            Self::Statement(error) => {
                error.as_database_error().is_some()
                    && leaves_connection(error)
                    && meaning(error) != Meaning::Unavailable
            }
        }
    }

    /// What so many callers hear of it.
    pub(super) fn verdicts(self, callers: usize) -> Vec<Verdict> {
        let failed = PushFailed(Arc::new(self));
        (0..callers).map(|_| Verdict::Decided(Err(failed.error()))).collect()
    }
}

/// One failure that many callers hear of.
#[derive(Clone, Debug, thiserror::Error)]
#[error("push was not acknowledged")]
struct PushFailed(#[source] Arc<Failure>);

impl PushFailed {
    fn error(&self) -> PushError {
        let may_pass = match &*self.0 {
            Failure::Connect(_) => true,
            Failure::Statement(error) => matches!(meaning(error), Meaning::Unavailable | Meaning::Retry),
        };
        if may_pass { unavailable(self.clone()) } else { database(self.clone()) }
    }
}
