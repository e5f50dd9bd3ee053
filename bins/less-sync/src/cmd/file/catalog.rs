//! The files of a space, from what a pull says of them and of the records that own them.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow, bail, ensure};
use less_sync_client::crypto::{KeyRing, Unreadable};
use less_sync_client::{FileDescription, FileRow, OnCursorAhead, PullItem, RecordRow};
use less_sync_core::{Cursor, FileId, RecordId};

use super::place::Place;

/// A file, as far as we know it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) file: FileId,
    pub(super) state: State,
    pub(super) owner: Owner,
}

/// Whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// So many bytes of ciphertext.
    Stored(u64),
    /// Its record is there: the upload is under way, or has failed.
    Missing,
    /// Its record is still there.
    Deleted,
}

/// The record that it belongs to.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// One that says what the file is.
    Described { record: RecordId, cursor: Cursor, description: FileDescription },
    /// One of another app.
    Foreign(RecordId),
    /// One that we cannot read.
    Unreadable(RecordId, Unreadable),
}

impl Entry {
    pub(super) fn description(&self) -> Option<&FileDescription> {
        match &self.owner {
            Owner::Described { description, .. } => Some(description),
            Owner::Foreign(_) | Owner::Unreadable(..) => None,
        }
    }

    pub(super) fn record(&self) -> RecordId {
        match self.owner {
            Owner::Described { record, .. } | Owner::Foreign(record) | Owner::Unreadable(record, _) => record,
        }
    }

    /// For people: the name that its owner gave it, unless that would do something to their terminal.
    pub(super) fn name(&self) -> String {
        let name = self.description().and_then(FileDescription::path_name);
        name.map_or_else(|| self.file.to_string(), str::to_owned)
    }
}

/// All files of the space, in the order of their names.
pub(super) async fn read(place: &Place<'_>) -> anyhow::Result<Vec<Entry>> {
    let mut rows = Rows::default();
    // A cursor that no space can have is answered with everything, tombstones included (protocol §4.4).
    let space = [place.opened.pull_space(Cursor::MAX)];
    let pull = place.opened.connection.pull_with(&space, Some(OnCursorAhead::Rewind)).await;
    let mut pull = pull.context("cannot pull")?;
    while let Some(item) = pull.next().await {
        match item.context("cannot pull")? {
            PullItem::Record(row) => rows.record(place.keys(), &row),
            PullItem::File { file, .. } => drop(rows.files.insert(file.id, file)),
            PullItem::Begin { .. } | PullItem::Membership { .. } | PullItem::Commit { .. } => {}
        }
    }
    let summary = pull.finish().await.context("cannot pull")?;
    ensure!(summary.skipped.is_empty(), "the server does not show this space");
    Ok(rows.entries())
}

/// The file with this id, of the record with this id, or of this name.
pub(super) fn find<'e>(entries: &'e [Entry], wanted: &str) -> anyhow::Result<&'e Entry> {
    let is_it = |entry: &Entry| entry.file.to_string() == wanted || entry.record().to_string() == wanted;
    if let Some(entry) = entries.iter().find(|entry| is_it(entry)) {
        return Ok(entry);
    }
    let named = |entry: &&Entry| entry.description().is_some_and(|described| described.name == wanted);
    let found: Vec<&Entry> = entries.iter().filter(named).collect();
    match found.as_slice() {
        [] => Err(anyhow!("there is no file {wanted} in this space")),
        [only] => Ok(only),
        several => {
            let ids: Vec<String> = several.iter().map(|entry| entry.file.to_string()).collect();
            bail!("{} files are called {wanted}; give the id of one: {}", ids.len(), ids.join(", "))
        }
    }
}

#[derive(Default)]
struct Rows {
    owners: HashMap<RecordId, Owner>,
    files: HashMap<FileId, FileRow>,
}

impl Rows {
    /// Takes what matters of a record; the last word on it counts.
    fn record(&mut self, keys: &KeyRing, row: &RecordRow) {
        self.owners.remove(&row.id);
        let Some(blob) = &row.blob else { return };
        let opened = keys.open_record(row.id, blob, row.dek.as_deref());
        let owner = match opened.map(|content| FileDescription::from_json(&content)) {
            Ok(Ok(description)) => Owner::Described { record: row.id, cursor: row.cursor, description },
            Err(why @ (Unreadable::NoKey(_) | Unreadable::Damaged)) => Owner::Unreadable(row.id, why),
            Ok(Err(_)) | Err(Unreadable::NotEncrypted) => return,
        };
        self.owners.insert(row.id, owner);
    }

    fn entries(mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for owner in self.owners.values() {
            if let Owner::Described { record, description, .. } = owner {
                let row = self.files.get(&description.file).filter(|row| row.record_id == *record);
                let state = row.map_or(State::Missing, state);
                if state != State::Missing {
                    self.files.remove(&description.file);
                }
                entries.push(Entry { file: description.file, state, owner: owner.clone() });
            }
        }
        for row in self.files.into_values().filter(|row| !row.deleted) {
            let owner = match self.owners.get(&row.record_id) {
                Some(Owner::Unreadable(record, why)) => Owner::Unreadable(*record, *why),
                Some(Owner::Described { .. } | Owner::Foreign(_)) | None => Owner::Foreign(row.record_id),
            };
            entries.push(Entry { file: row.id, state: state(&row), owner });
        }
        entries.sort_by_cached_key(|entry| (entry.description().is_none(), entry.name(), entry.file));
        entries
    }
}

fn state(row: &FileRow) -> State {
    if row.deleted { State::Deleted } else { State::Stored(row.size) }
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
    fn files_are_there_missing_or_deleted() {
        let ring = ring();
        let records = [described(&ring, 1, "b"), described(&ring, 2, "c"), described(&ring, 3, "a")];
        let listed = entries(&ring, &records, &[row(1, 1, false), row(3, 3, true)]);
        let told: Vec<_> = listed.iter().map(|entry| (entry.name(), entry.state)).collect();
        let expected = [("a", State::Deleted), ("b", State::Stored(18)), ("c", State::Missing)];
        assert_eq!(told, expected.map(|(name, state)| (name.to_owned(), state)));
    }

    #[test]
    fn a_name_that_would_move_the_cursor_is_not_shown() {
        let ring = ring();
        let listed = entries(&ring, &[described(&ring, 1, "\u{1b}[2Ja")], &[]);
        assert_eq!(listed[0].name(), file(1).to_string());
    }

    /// A record cannot lay claim to what belongs to another.
    #[test]
    fn a_file_counts_for_its_owner_only() {
        let ring = ring();
        let listed = entries(&ring, &[described(&ring, 1, "mine")], &[row(1, 2, false)]);
        assert_eq!(
            listed.iter().map(|entry| entry.state).collect::<Vec<_>>(),
            [State::Missing, State::Stored(18)]
        );
        assert!(matches!(listed[1].owner, Owner::Foreign(record) if record == RecordId::from_bytes([2; 16])));
    }

    #[test]
    fn deleted_records_own_nothing_and_unreadable_ones_are_told_apart_from_those_of_other_apps() {
        let (ring, other) = (ring(), self::ring());
        let tombstone = RecordRow { blob: None, dek: None, ..described(&ring, 1, "gone") };
        let plain = RecordRow { dek: None, ..described(&ring, 3, "plain") };
        let records = [described(&ring, 1, "gone"), tombstone, described(&other, 2, "x"), plain];
        let listed = entries(&ring, &records, &[row(1, 1, true), row(2, 2, false), row(3, 3, false)]);
        assert_eq!(listed.len(), 2);
        assert!(matches!(listed[0].owner, Owner::Unreadable(_, Unreadable::Damaged)));
        assert!(matches!(listed[1].owner, Owner::Foreign(_)));
    }

    #[test]
    fn a_file_is_found_by_its_id_its_record_or_its_name_if_only_one_has_it() {
        let ring = ring();
        let records = [described(&ring, 1, "one"), described(&ring, 2, "two"), described(&ring, 3, "two")];
        let listed = entries(&ring, &records, &[]);
        let found =
            |wanted: &str| find(&listed, wanted).map(|entry| entry.file).map_err(|error| error.to_string());
        assert_eq!(found("one"), Ok(file(1)));
        assert_eq!(found(&file(2).to_string()), Ok(file(2)));
        assert_eq!(found(&RecordId::from_bytes([3; 16]).to_string()), Ok(file(3)));
        assert_eq!(found("three").unwrap_err(), "there is no file three in this space");
        assert!(found("two").unwrap_err().starts_with("2 files are called two; give the id of one: 0202"));
    }
}
