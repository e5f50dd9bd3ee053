//! Wrapping every key of a space anew.

use less_sync_core::{Cursor, Epoch, ErrorCode, FileId, RecordId};

use crate::access::Access;
use crate::connection::Connection;
use crate::crypto::{DecryptionError, KeyRing};
use crate::deks::{DekId, DekRow, Rewrap};
use crate::error::{CallError, PullError};

/// Keys of one call: 3.3 MB of message.
const BATCH: usize = 20_000;

/// Calls in a row that may be in vain because others write at the same time.
const PATIENCE: u32 = 10;

/// Why a rotation is not complete. What was done stays done; do it again to go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RewrapError {
    /// The keys could not be listed.
    #[error("cannot list the keys")]
    List(#[from] PullError),
    /// They could not be replaced.
    #[error("cannot replace the keys")]
    Call(#[from] CallError),
    /// The key of this record or file is not one of ours.
    #[error("the key of {id} cannot be read")]
    Undecryptable {
        /// Which.
        id: String,
        /// Why.
        #[source]
        why: DecryptionError,
    },
    /// Others wrote all the time.
    #[error("the space is too busy at the moment")]
    Busy,
}

/// What a rotation has rewrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys of records.
    pub records: usize,
    /// Keys of files.
    pub files: usize,
}

/// Rewraps every key of an older epoch and completes the rotation to `epoch`, whose key is in `keys`. Writes of others
/// in between are noticed, and rewrapped too. Safe to repeat.
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
    for _ in 0..PATIENCE {
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

/// Something was written under an older key meanwhile (protocol §4.15); the other conflict is final.
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
    /// How many keys of one kind were rewrapped.
    async fn rewrap<I: DekId>(&self) -> Result<usize, RewrapError> {
        let (mut since, mut done, mut in_vain) = (Cursor::ZERO, 0, 0);
        loop {
            let old = self.older::<I>(since).await?;
            let Some(last) = old.last() else { return Ok(done) };
            let reached = last.cursor;
            let batch = old.into_iter().map(|row| self.renew(row)).collect::<Result<Vec<_>, _>>()?;
            match self.connection.rewrap(self.access, &batch).await {
                Ok(()) => {
                    done += batch.len();
                    in_vain = 0;
                    // Rows of one push share a cursor, and a batch may end among them.
                    since = before(reached);
                }
                Err(error) if error.is(ErrorCode::Conflict) && in_vain < PATIENCE => in_vain += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The first keys after `since` that are not of the new epoch.
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
