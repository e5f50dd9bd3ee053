//! Catalog of the files of a space, built from a pull of files and their owner records.

use std::collections::HashMap;

use anyhow::{Context as _, bail};
use less_sync_client::crypto::{DecryptionError, KeyRing};
use less_sync_client::{FileDescription, FileRow, PullItem, RecordRow};
use less_sync_core::{Cursor, FileId, RecordId};
use unicode_normalization::UnicodeNormalization as _;

use super::session::FileSession;

use crate::advised::{advised, no_access};

/// File with its owner record.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) file: FileId,
    pub(super) state: FileState,
    pub(super) owner: Owner,
}

/// State of a file on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    /// Stored, with its ciphertext size in bytes.
    Stored(u64),
    /// Record without content: the upload is in progress or has failed.
    Missing,
    /// Deleted, while its record still exists.
    Deleted,
}

/// Owner record of a file.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// Record with a file description.
    Described { record: RecordId, cursor: Cursor, description: FileDescription },
    /// Record of another app.
    Foreign(RecordId),
    /// Record that cannot be decrypted.
    Undecryptable(RecordId, DecryptionError),
}

impl Entry {
    pub(super) fn description(&self) -> Option<&FileDescription> {
        match &self.owner {
            Owner::Described { description, .. } => Some(description),
            Owner::Foreign(_) | Owner::Undecryptable(..) => None,
        }
    }

    pub(super) fn record(&self) -> RecordId {
        match self.owner {
            Owner::Described { record, .. } | Owner::Foreign(record) | Owner::Undecryptable(record, _) => {
                record
            }
        }
    }

    /// Display name: the described name, or the id if the name contains control characters or path separators.
    pub(super) fn name(&self) -> String {
        let name = self.description().and_then(FileDescription::path_name);
        name.map_or_else(|| self.file.to_string(), str::to_owned)
    }
}

/// Reads all files of the space, sorted by name.
pub(super) async fn read(session: &FileSession<'_>) -> anyhow::Result<Vec<Entry>> {
    let mut rows = Rows::default();
    let space = [session.opened.keys.access()];
    let mut pull = session.opened.connection.pull_whole(&space).await.context("cannot pull")?;
    while let Some(item) = pull.next().await {
        match item.context("cannot pull")? {
            PullItem::Record(row) => rows.record(session.keys(), &row),
            PullItem::File { file, .. } => drop(rows.files.insert(file.id, file)),
            PullItem::Begin { .. } | PullItem::Membership { .. } | PullItem::Commit { .. } => {}
        }
    }
    let summary = pull.finish().await.context("cannot pull")?;
    if summary.skipped.is_empty() { Ok(rows.entries()) } else { Err(no_access()) }
}

/// Finds a file by its id, the id of its record, or its name.
pub(super) fn find<'e>(entries: &'e [Entry], wanted: &str) -> anyhow::Result<&'e Entry> {
    let has_id = |entry: &Entry| entry.file.to_string() == wanted || entry.record().to_string() == wanted;
    if let Some(entry) = entries.iter().find(|entry| has_id(entry)) {
        return Ok(entry);
    }
    // Systems spell the same text in several ways; names are kept as given and compared in one form.
    let same = |name: &str| name.nfc().eq(wanted.nfc());
    let named = |entry: &&Entry| entry.description().is_some_and(|described| same(&described.name));
    let found: Vec<&Entry> = entries.iter().filter(named).collect();
    match found.as_slice() {
        [] => {
            let text = format!("there is no file {wanted} in this space");
            Err(advised(text, "less-sync file ls lists the files"))
        }
        [only] => Ok(only),
        several => {
            let ids: Vec<String> = several.iter().map(|entry| entry.file.to_string()).collect();
            bail!("{} files are named {wanted}; give the id of one: {}", ids.len(), ids.join(", "))
        }
    }
}

#[derive(Default)]
struct Rows {
    owners: HashMap<RecordId, Owner>,
    files: HashMap<FileId, FileRow>,
}

impl Rows {
    /// Updates the owner of a record; the latest row of a record wins.
    fn record(&mut self, keys: &KeyRing, row: &RecordRow) {
        self.owners.remove(&row.id);
        let Some(blob) = &row.blob else { return };
        let opened = keys.open_record(row.id, blob, row.dek.as_deref());
        let owner = match opened.map(|content| FileDescription::from_json(&content)) {
            Ok(Ok(description)) => Owner::Described { record: row.id, cursor: row.cursor, description },
            Err(why @ (DecryptionError::NoKey(_) | DecryptionError::Damaged)) => {
                Owner::Undecryptable(row.id, why)
            }
            Ok(Err(_)) | Err(DecryptionError::NotEncrypted) => return,
        };
        self.owners.insert(row.id, owner);
    }

    fn entries(mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for owner in self.owners.values() {
            if let Owner::Described { record, description, .. } = owner {
                let row = self.files.get(&description.file).filter(|row| row.record_id == *record);
                let state = row.map_or(FileState::Missing, state);
                if state != FileState::Missing {
                    self.files.remove(&description.file);
                }
                entries.push(Entry { file: description.file, state, owner: owner.clone() });
            }
        }
        for row in self.files.into_values().filter(|row| !row.deleted) {
            let owner = match self.owners.get(&row.record_id) {
                Some(Owner::Undecryptable(record, why)) => Owner::Undecryptable(*record, *why),
                Some(Owner::Described { .. } | Owner::Foreign(_)) | None => Owner::Foreign(row.record_id),
            };
            entries.push(Entry { file: row.id, state: state(&row), owner });
        }
        entries.sort_by_cached_key(|entry| (entry.description().is_none(), entry.name(), entry.file));
        entries
    }
}

fn state(row: &FileRow) -> FileState {
    if row.deleted { FileState::Deleted } else { FileState::Stored(row.size) }
}

#[cfg(test)]
mod tests {
    use less_sync_client::crypto::SpaceKey;
    use less_sync_core::{Epoch, SpaceId};
    use pretty_assertions::assert_eq;

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([9; 16]);

    fn ring() -> KeyRing {
        let mut ring = KeyRing::new(SPACE);
        ring.insert(SpaceKey::random(SPACE, Epoch::FIRST));
        ring
    }

    fn file(number: u8) -> FileId {
        FileId::from_bytes([number; 16])
    }

    fn sealed(ring: &KeyRing, number: u8, content: &[u8]) -> RecordRow {
        let id = RecordId::from_bytes([number; 16]);
        let sealed = ring.seal_record(Epoch::FIRST, id, content).unwrap();
        let dek = Some(bytes::Bytes::copy_from_slice(sealed.dek.as_bytes()));
        RecordRow { id, cursor: Cursor::ZERO, blob: Some(sealed.blob), dek }
    }

    fn described(ring: &KeyRing, number: u8, name: &str) -> RecordRow {
        let description =
            FileDescription { file: file(number), name: name.to_owned(), size: 1, sha256: [0; 32] };
        sealed(ring, number, description.to_json().as_bytes())
    }

    fn row(number: u8, owner: u8, deleted: bool) -> FileRow {
        let record_id = RecordId::from_bytes([owner; 16]);
        FileRow { id: file(number), record_id, size: 18, dek: None, deleted }
    }

    fn entries(ring: &KeyRing, records: &[RecordRow], files: &[FileRow]) -> Vec<Entry> {
        let mut rows = Rows::default();
        for row in records {
            rows.record(ring, row);
        }
        rows.files.extend(files.iter().map(|row| (row.id, row.clone())));
        rows.entries()
    }

    #[test]
    fn files_are_stored_missing_or_deleted() {
        let ring = ring();
        let records = [described(&ring, 1, "b"), described(&ring, 2, "c"), described(&ring, 3, "a")];
        let listed = entries(&ring, &records, &[row(1, 1, false), row(3, 3, true)]);
        let states: Vec<_> = listed.iter().map(|entry| (entry.name(), entry.state)).collect();
        let expected = [("a", FileState::Deleted), ("b", FileState::Stored(18)), ("c", FileState::Missing)];
        assert_eq!(states, expected.map(|(name, state)| (name.to_owned(), state)));
    }

    #[test]
    fn name_is_found_in_every_unicode_spelling() {
        let ring = ring();
        let listed = entries(&ring, &[described(&ring, 1, "u\u{308}ber.txt")], &[]);
        assert_eq!(find(&listed, "\u{fc}ber.txt").unwrap().name(), "u\u{308}ber.txt");
        assert!(find(&listed, "uber.txt").is_err());
    }

    #[test]
    fn name_with_control_characters_is_not_shown() {
        let ring = ring();
        let listed = entries(&ring, &[described(&ring, 1, "\u{1b}[2Ja")], &[]);
        assert_eq!(listed[0].name(), file(1).to_string());
    }

    /// A record cannot claim the file of another record.
    #[test]
    fn file_is_attributed_to_its_owner_record_only() {
        let ring = ring();
        let listed = entries(&ring, &[described(&ring, 1, "mine")], &[row(1, 2, false)]);
        assert_eq!(
            listed.iter().map(|entry| entry.state).collect::<Vec<_>>(),
            [FileState::Missing, FileState::Stored(18)]
        );
        assert!(matches!(listed[1].owner, Owner::Foreign(record) if record == RecordId::from_bytes([2; 16])));
    }

    #[test]
    fn deleted_records_own_no_file_and_undecryptable_ones_are_distinguished_from_foreign_ones() {
        let (ring, other) = (ring(), self::ring());
        let tombstone = RecordRow { blob: None, dek: None, ..described(&ring, 1, "gone") };
        let plain = RecordRow { dek: None, ..described(&ring, 3, "plain") };
        let records = [described(&ring, 1, "gone"), tombstone, described(&other, 2, "x"), plain];
        let listed = entries(&ring, &records, &[row(1, 1, true), row(2, 2, false), row(3, 3, false)]);
        assert_eq!(listed.len(), 2);
        assert!(matches!(listed[0].owner, Owner::Undecryptable(_, DecryptionError::Damaged)));
        assert!(matches!(listed[1].owner, Owner::Foreign(_)));
    }

    #[test]
    fn file_is_found_by_its_id_its_record_or_its_unique_name() {
        let ring = ring();
        let records = [described(&ring, 1, "one"), described(&ring, 2, "two"), described(&ring, 3, "two")];
        let listed = entries(&ring, &records, &[]);
        let found =
            |wanted: &str| find(&listed, wanted).map(|entry| entry.file).map_err(|error| error.to_string());
        assert_eq!(found("one"), Ok(file(1)));
        assert_eq!(found(&file(2).to_string()), Ok(file(2)));
        assert_eq!(found(&RecordId::from_bytes([3; 16]).to_string()), Ok(file(3)));
        assert_eq!(found("three").unwrap_err(), "there is no file three in this space");
        assert!(found("two").unwrap_err().starts_with("2 files are named two; give the id of one: 0202"));
    }
}
