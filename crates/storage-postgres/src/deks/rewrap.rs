//! Piece of a rewrap of data keys, under the lock of the space (storage §3.12, newer-clients §4.4). Everything is compared
//! before anything is written.

use std::collections::HashMap;

use less_sync_core::DekKind;
use less_sync_storage::stored::{CorruptRow, cursor};
use less_sync_storage::{Access, DekRejection, DekRow, Rewrap, RewrapGuard, RewrapPieces, RewrapVerdict};
use uuid::Uuid;

use super::statements::{self, Stored};
use crate::access::for_writing;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction, plan_by_key};

/// Replaces the keys of a piece, all or none; returns their number.
pub(super) struct RewrapTransaction<'a> {
    pub(super) access: &'a Access,
    pub(super) kind: DekKind,
    /// The whole rewrap.
    pub(super) pieces: &'a RewrapPieces,
    /// The piece: each id occurs once, in ascending order (storage T3), and all fit one statement (T5).
    pub(super) entries: &'a [Rewrap],
    pub(super) guard: RewrapGuard,
    /// False: only checks that the piece would be accepted now.
    pub(super) writes: bool,
}

impl Transaction for RewrapTransaction<'_> {
    type Outcome = usize;
    type Rejection = DekRejection;

    async fn run(&self, db: &mut Session) -> Result<usize, Aborted<DekRejection>> {
        let space = for_writing(db, self.access).await?;
        self.pieces.check_epoch(space.key_generation)?;
        plan_by_key(db).await?;
        let (ids, deks) = self.decide(db, space.id).await?;
        if self.writes && !ids.is_empty() {
            statements::replace(db, self.kind, space.id, &ids, &deks).await?;
        }
        Ok(ids.len())
    }
}

impl<'a> RewrapTransaction<'a> {
    /// The rows to change in the order of their ids (storage T3), each with its new key.
    async fn decide(
        &self,
        db: &mut Session,
        space: Uuid,
    ) -> Result<(Vec<Uuid>, Vec<&'a [u8]>), Aborted<DekRejection>> {
        let ids: Vec<Uuid> =
            self.entries.iter().map(|entry| Uuid::from_bytes(*entry.id.as_bytes())).collect();
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let (mut replaced, mut outdated) = ((Vec::new(), Vec::new()), false);
        let stored = statements::find(db, self.kind, space, &ids).await?;
        let stored: HashMap<Uuid, Stored> = stored.into_iter().map(|row| (row.id, row)).collect();
        for (id, entry) in ids.into_iter().zip(self.entries) {
            let row = stored.get(&id).map(Stored::row).transpose()?;
            match entry.verdict(row, self.guard) {
                RewrapVerdict::Replace => {
                    replaced.0.push(id);
                    replaced.1.push(&entry.dek.as_bytes()[..]);
                }
                RewrapVerdict::Skip => {}
                RewrapVerdict::Outdated => outdated = true,
                RewrapVerdict::Unknown => return Err(DekRejection::not_found(self.kind).into()),
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
