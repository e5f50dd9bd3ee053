//! Rewrap, under the lock of the space (storage §3.12, newer-clients §4.4). Everything is compared before anything is
//! written.

use std::collections::{BTreeMap, HashMap};

use less_sync_storage::{Access, KeyedRow, Rewrap, RewrapGuard, RewrapVerdict, Rewrapped, StorageError};
use sqlx::PgConnection;
use uuid::Uuid;

use super::keyed::{Keyed, Stored};
use crate::access::for_writing;
use crate::columns::cursor;
use crate::error::CorruptRow;
use crate::transaction::{Aborted, Transaction, plan_by_key};

/// What one statement takes at most (storage T5).
const STATEMENT_ROWS: usize = 2_000;

/// Replaces keys, all or nothing.
pub(super) struct Rewrapping<'a, Id> {
    pub(super) access: &'a Access,
    pub(super) entries: &'a [Rewrap<Id>],
    pub(super) guard: RewrapGuard,
}

impl<Id: Keyed> Transaction for Rewrapping<'_, Id> {
    type Outcome = Rewrapped;

    async fn run(&self, db: &mut PgConnection) -> Result<Rewrapped, Aborted> {
        let space = for_writing(db, self.access).await?;
        let current = space.key_generation.get().unsigned_abs();
        if self.entries.iter().any(|entry| entry.dek.epoch_prefix() != current) {
            return Err(StorageError::DekEpochMismatch.into());
        }
        plan_by_key(db).await?;
        let (ids, deks) = self.decide(db, space.id).await?;
        for (ids, deks) in ids.chunks(STATEMENT_ROWS).zip(deks.chunks(STATEMENT_ROWS)) {
            Id::replace(db, space.id, ids, deks).await?;
        }
        Ok(Rewrapped { replaced: ids.len(), skipped: self.entries.len() - ids.len() })
    }
}

impl<'a, Id: Keyed> Rewrapping<'a, Id> {
    /// The rows to change in the order of their ids (storage T3), each with its new key.
    async fn decide(
        &self,
        db: &mut PgConnection,
        space: Uuid,
    ) -> Result<(Vec<Uuid>, Vec<&'a [u8]>), Aborted> {
        // The last entry for an id counts.
        let last: BTreeMap<Id, &'a Rewrap<Id>> = self.entries.iter().map(|entry| (entry.id, entry)).collect();
        let last: Vec<(Uuid, &'a Rewrap<Id>)> =
            last.into_iter().map(|(id, entry)| (id.uuid(), entry)).collect();
        let (mut replaced, mut outdated) = ((Vec::new(), Vec::new()), false);
        for entries in last.chunks(STATEMENT_ROWS) {
            let ids: Vec<Uuid> = entries.iter().map(|(id, _)| *id).collect();
            let stored = Id::find(db, space, &ids).await?;
            let stored: HashMap<Uuid, Stored> = stored.into_iter().map(|row| (row.id, row)).collect();
            for (id, entry) in entries {
                let row = stored.get(id).map(Stored::row).transpose()?;
                match entry.verdict(row, self.guard) {
                    RewrapVerdict::Replace => {
                        replaced.0.push(*id);
                        replaced.1.push(&entry.dek.as_bytes()[..]);
                    }
                    RewrapVerdict::Skip => {}
                    RewrapVerdict::Outdated => outdated = true,
                    RewrapVerdict::Unknown => return Err(Id::not_found().into()),
                }
            }
        }
        if outdated { Err(StorageError::DekReplaced.into()) } else { Ok(replaced) }
    }
}

impl Stored {
    fn row(&self) -> Result<KeyedRow<'_>, CorruptRow> {
        Ok(KeyedRow { cursor: cursor(self.cursor)?, key: self.dek.as_deref() })
    }
}
