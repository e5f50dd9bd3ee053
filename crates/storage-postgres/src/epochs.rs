//! Epochs of a space: begin, and completion of a rewrap.

mod completion;

use std::convert::Infallible;

use async_trait::async_trait;
use less_sync_core::{Epoch, Requested};
use less_sync_storage::{
    Access, AdminGrant, Advanced, EpochError, Epochs, OutdatedKeys, ReadGrant, Space, StorageError,
};
use uuid::Uuid;

use self::completion::{Completing, Completion};
use crate::PostgresStorage;
use crate::access::{for_reading, for_writing};
use crate::pool::Class;
use crate::read::read;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

#[async_trait]
impl Epochs for PostgresStorage {
    async fn space_state(&self, grant: &ReadGrant) -> Result<Space, StorageError> {
        read!(self.pool, Class::Request, |db| for_reading(db, grant.access()))?
    }

    async fn advance_epoch(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        raise_minimum: bool,
    ) -> Result<Advanced, StorageError> {
        self.pool.transact(Class::Push, &Advance { access: grant.access(), epoch, raise_minimum }).await
    }

    async fn complete_rewrap(&self, grant: &AdminGrant, epoch: Requested<Epoch>) -> Result<(), EpochError> {
        let access = grant.access();
        let mut keys = OutdatedKeys::before(epoch.value().unwrap_or(Epoch::FIRST));
        loop {
            self.count_outdated(access, epoch, &mut keys).await?;
            match self.pool.transact(Class::Push, &Completing { access, epoch, keys }).await? {
                Completion::Ended => return Ok(()),
                Completion::Rejected(rejection) => return Err(rejection.into()),
                // Keys that came meanwhile are read without the lock. They come more slowly than they are read.
                Completion::Behind(counted) => keys = counted,
            }
        }
    }
}

impl PostgresStorage {
    /// Reads the keys of the space to their end, a page at a time, without its lock; none unless `epoch` is pending.
    async fn count_outdated(
        &self,
        access: &Access,
        epoch: Requested<Epoch>,
        keys: &mut OutdatedKeys,
    ) -> Result<(), EpochError> {
        for kind in OutdatedKeys::KINDS {
            while let Some(position) = keys.next(kind) {
                let page = read!(self.pool, Class::Stream, |db| completion::page(
                    db, access, epoch, kind, position
                ))?;
                let Some((page, bound)) = page else { return Ok(()) };
                if !keys.count(kind, &page, bound) {
                    break;
                }
            }
        }
        Ok(())
    }
}

struct Advance<'a> {
    access: &'a Access,
    epoch: Requested<Epoch>,
    raise_minimum: bool,
}

impl Transaction for Advance<'_> {
    type Outcome = Advanced;
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<Advanced, Aborted> {
        let space = for_writing(db, self.access).await?;
        let (key_generation, rewrap_epoch) = (space.key_generation, space.rewrap_epoch);
        match key_generation.next() {
            Some(next) if self.epoch.is(next) && rewrap_epoch.is_none() => {
                begin(db, space.id, next, self.raise_minimum).await?;
                Ok(Advanced::Begun(next))
            }
            _ => Ok(Advanced::Conflict { key_generation, rewrap_epoch }),
        }
    }
}

async fn begin(db: &mut Session, space: Uuid, epoch: Epoch, raise_minimum: bool) -> Result<(), sqlx::Error> {
    let begun = sqlx::query!(
        "UPDATE spaces SET key_generation = $2, rewrap_epoch = $2, updated_at = now(),
                min_key_generation = CASE WHEN $3 THEN $2 ELSE min_key_generation END
         WHERE id = $1",
        space,
        epoch.get(),
        raise_minimum,
    );
    begun.execute(db).await.map(drop)
}
