//! Rewrap: replacement of every wrapped key of a space under a new epoch.

use less_sync_core::{Cursor, Epoch, ErrorCode, FileId, RecordId};

use crate::access::Access;
use crate::connection::Connection;
use crate::crypto::{DecryptionError, KeyRing};
use crate::deks::{DekId, DekRow, Rewrap};
use crate::error::{CallError, PullError};

/// Maximum keys per call: 3.3 MB of message.
const BATCH: usize = 20_000;

/// Maximum consecutive conflicts with concurrent writes.
const MAX_CONFLICTS: u32 = 10;

/// Failure to complete a rotation. Completed work is kept, so a retry continues.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RewrapError {
    /// The keys could not be listed.
    #[error("cannot list the keys")]
    List(#[from] PullError),
    /// The keys could not be replaced.
    #[error("cannot replace the keys")]
    Call(#[from] CallError),
    /// The wrapped key of a record or file cannot be unwrapped.
    #[error("cannot unwrap the key of {id}")]
    Undecryptable {
        /// Id of the record or file.
        id: String,
        /// Cause of the failure.
        #[source]
        why: DecryptionError,
    },
    /// Concurrent writes caused too many conflicts.
    #[error("too many concurrent writes to the space")]
    Busy,
}

/// Number of rewrapped keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys of records.
    pub records: usize,
    /// Keys of files.
    pub files: usize,
}

/// Rewraps every key of an older epoch and completes the rotation to `epoch`, whose key is in `keys`. Keys of concurrent
/// writes are rewrapped, too. Idempotent.
///
/// # Errors
/// See [`RewrapError`].
pub async fn rewrap_all(
    connection: &Connection,
    access: Access<'_>,
    keys: &KeyRing,
    epoch: Epoch,
) -> Result<Rewrapped, RewrapError> {
    let work = Work { connection, access, keys, epoch };
    let mut done = Rewrapped::default();
    for _ in 0..MAX_CONFLICTS {
        done.records += work.rewrap::<RecordId>().await?;
        done.files += work.rewrap::<FileId>().await?;
        match connection.complete_epoch(access, epoch).await {
            Ok(()) => return Ok(done),
            Err(error) if is_incomplete(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(RewrapError::Busy)
}

/// Returns whether the server found keys of older epochs, from concurrent writes (protocol §4.15); any other conflict is
/// final.
fn is_incomplete(error: &CallError) -> bool {
    match error {
        CallError::Failed { code, message } => code.is(ErrorCode::Conflict) && message == "rewrap incomplete",
        CallError::Ended(_) | CallError::Timeout | CallError::Undecodable => false,
    }
}

struct Work<'a> {
    connection: &'a Connection,
    access: Access<'a>,
    keys: &'a KeyRing,
    epoch: Epoch,
}

impl Work<'_> {
    /// Rewraps all keys of one kind; returns their number.
    async fn rewrap<I: DekId>(&self) -> Result<usize, RewrapError> {
        let (mut since, mut done, mut conflicts) = (Cursor::ZERO, 0, 0);
        loop {
            let old = self.older::<I>(since).await?;
            let Some(last) = old.last() else { return Ok(done) };
            let reached = last.cursor;
            let batch = old.into_iter().map(|row| self.renew(row)).collect::<Result<Vec<_>, _>>()?;
            match self.connection.rewrap(self.access, &batch).await {
                Ok(()) => {
                    done += batch.len();
                    conflicts = 0;
                    // Rows of one push share a cursor, and a batch may end among them, so the next list starts before it.
                    since = before(reached);
                }
                Err(error) if error.is(ErrorCode::Conflict) && conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// First keys after `since` that are not wrapped under the new epoch.
    async fn older<I: DekId>(&self, since: Cursor) -> Result<Vec<DekRow<I>>, RewrapError> {
        let mut list = self.connection.deks::<I>(self.access, since).await?;
        let mut old = Vec::new();
        let current = self.epoch.get().to_be_bytes();
        while let Some(row) = list.next().await? {
            if !row.dek.starts_with(&current) {
                old.push(row);
            }
            if old.len() == BATCH {
                return Ok(old);
            }
        }
        list.finish().await?;
        Ok(old)
    }

    fn renew<I: DekId>(&self, row: DekRow<I>) -> Result<Rewrap<I>, RewrapError> {
        match self.keys.rewrap(&row.dek, self.epoch) {
            Ok(dek) => Ok(Rewrap { id: row.id, dek, observed: row.dek }),
            Err(why) => Err(RewrapError::Undecryptable { id: row.id.to_string(), why }),
        }
    }
}

fn before(cursor: Cursor) -> Cursor {
    Cursor::new(cursor.get().saturating_sub(1)).unwrap_or(Cursor::ZERO)
}
