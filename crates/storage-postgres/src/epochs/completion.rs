//! Completion of a rewrap (storage §3.11): no live key may be older than its epoch.
//!
//! The keys of the space are read before its lock is taken, a page at a time. Under the lock only what came since is read,
//! one page of each kind at most: a push moves its row above the cursor of the last page, so below it keys can only have
//! become newer.

use less_sync_core::{Cursor, DekKind, Epoch, Requested};
use less_sync_storage::{Access, DekPage, DekPosition, EpochRejection, OutdatedKeys};
use uuid::Uuid;

use crate::access::{for_reading, for_writing};
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};
use crate::{deks, epoch_keys};

/// Reads a page of keys without the lock of the space, up to its cursor; `None` unless a rewrap to `epoch` is pending.
pub(super) async fn page(
    db: &mut Session,
    access: &Access,
    epoch: Requested<Epoch>,
    kind: DekKind,
    position: DekPosition,
) -> Result<Option<(DekPage, Cursor)>, Aborted<EpochRejection>> {
    let space = for_reading(db, access).await??;
    if pending(space.rewrap_epoch, epoch).is_none() {
        return Ok(None);
    }
    let page = deks::page(db, space.id.as_uuid(), kind, position, space.cursor).await?;
    Ok(Some((page, space.cursor)))
}

/// Outcome of an attempt to complete a rewrap.
pub(super) enum Completion {
    /// The rewrap has ended.
    Ended,
    /// Outdated keys are left.
    Rejected(EpochRejection),
    /// More keys came since the count than the transaction reads.
    Behind(OutdatedKeys),
}

/// Attempt to end the rewrap after `keys` were counted.
pub(super) struct Completing<'a> {
    pub(super) access: &'a Access,
    pub(super) epoch: Requested<Epoch>,
    pub(super) keys: OutdatedKeys,
}

impl Transaction for Completing<'_> {
    type Outcome = Completion;
    type Rejection = EpochRejection;

    async fn run(&self, db: &mut Session) -> Result<Completion, Aborted<EpochRejection>> {
        let space = for_writing(db, self.access).await?;
        let Some(epoch) = pending(space.rewrap_epoch, self.epoch) else {
            let is_current = space.key_generation > Epoch::FIRST && self.epoch.is(space.key_generation);
            let is_repeat = space.rewrap_epoch.is_none() && is_current;
            return if is_repeat { Ok(Completion::Ended) } else { Err(EpochRejection::Mismatch.into()) };
        };
        let (mut keys, mut is_behind) = (self.keys, false);
        for kind in OutdatedKeys::KINDS {
            if let Some(position) = keys.next(kind) {
                let page = deks::page(db, space.id, kind, position, space.cursor).await?;
                is_behind |= keys.count(kind, &page, space.cursor);
            }
        }
        let rejection = keys.rejection();
        let ended = !is_behind && rejection.is_none();
        end(db, space.id, epoch, ended).await?;
        if ended {
            epoch_keys::prune(db, space.id, epoch).await?;
        }
        Ok(match rejection {
            _ if is_behind => Completion::Behind(keys),
            Some(rejection) => Completion::Rejected(rejection),
            None => Completion::Ended,
        })
    }
}

/// The pending epoch, if it is the requested one.
fn pending(rewrap_epoch: Option<Epoch>, epoch: Requested<Epoch>) -> Option<Epoch> {
    rewrap_epoch.filter(|pending| epoch.is(*pending))
}

/// Raises the minimum epoch in any case, so that writers under the old epoch cannot delay the end forever.
async fn end(db: &mut Session, space: Uuid, epoch: Epoch, ended: bool) -> Result<(), sqlx::Error> {
    let updated = sqlx::query!(
        "UPDATE spaces SET min_key_generation = greatest(min_key_generation, $2), updated_at = now(),
                rewrap_epoch = CASE WHEN $3 THEN NULL ELSE rewrap_epoch END
         WHERE id = $1",
        space,
        epoch.get(),
        ended,
    );
    updated.execute(db).await.map(drop)
}
