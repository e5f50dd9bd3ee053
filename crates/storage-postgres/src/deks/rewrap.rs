//! Rewrap of data keys, under the lock of the space (storage §3.12, newer-clients §4.4). Everything is compared before anything is
//! written.

use std::collections::{BTreeMap, HashMap};

use less_sync_core::DekKind;
use less_sync_storage::stored::{CorruptRow, cursor};
use less_sync_storage::{Access, DekId, DekRejection, DekRow, Rewrap, RewrapGuard, RewrapVerdict, Rewrapped};
use uuid::Uuid;

use super::statements::{self, Stored};
use crate::access::for_writing;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction, plan_by_key};

/// Maximum number of rows of one statement (storage T5).
const STATEMENT_ROWS: usize = 2_000;

/// Replaces keys, all or nothing.
pub(super) struct RewrapTransaction<'a> {
    pub(super) access: &'a Access,
    pub(super) kind: DekKind,
    pub(super) entries: &'a [Rewrap],
    pub(super) guard: RewrapGuard,
}

impl Transaction for RewrapTransaction<'_> {
    type Outcome = Rewrapped;
    type Rejection = DekRejection;

    async fn run(&self, db: &mut Session) -> Result<Rewrapped, Aborted<DekRejection>> {
        let space = for_writing(db, self.access).await?;
        let current = space.key_generation.get().unsigned_abs();
        if self.entries.iter().any(|entry| entry.dek.epoch_prefix() != current) {
            return Err(DekRejection::EpochMismatch.into());
        }
        plan_by_key(db).await?;
        let (ids, deks) = self.decide(db, space.id).await?;
        for (ids, deks) in ids.chunks(STATEMENT_ROWS).zip(deks.chunks(STATEMENT_ROWS)) {
            statements::replace(db, self.kind, space.id, ids, deks).await?;
        }
        Ok(Rewrapped { replaced: ids.len(), skipped: self.entries.len() - ids.len() })
    }
}

impl<'a> RewrapTransaction<'a> {
    /// The rows to change in the order of their ids (storage T3), each with its new key.
    async fn decide(
        &self,
        db: &mut Session,
        space: Uuid,
    ) -> Result<(Vec<Uuid>, Vec<&'a [u8]>), Aborted<DekRejection>> {
        // The last entry for an id counts.
        let last: BTreeMap<DekId, &'a Rewrap> = self.entries.iter().map(|entry| (entry.id, entry)).collect();
        let last: Vec<(Uuid, &'a Rewrap)> =
            last.into_iter().map(|(id, entry)| (Uuid::from_bytes(*id.as_bytes()), entry)).collect();
        let (mut replaced, mut outdated) = ((Vec::new(), Vec::new()), false);
        for entries in last.chunks(STATEMENT_ROWS) {
            let ids: Vec<Uuid> = entries.iter().map(|(id, _)| *id).collect();
            let stored = statements::find(db, self.kind, space, &ids).await?;
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
                    RewrapVerdict::Unknown => return Err(DekRejection::not_found(self.kind).into()),
                }
            }
        }
        if outdated { Err(DekRejection::Replaced.into()) } else { Ok(replaced) }
    }
}

impl Stored {
    fn row(&self) -> Result<DekRow<'_>, CorruptRow> {
        Ok(DekRow { cursor: cursor(self.cursor)?, key: self.dek.as_deref() })
    }
}
