//! Manifest of a backup: the document that makes its files one backup, written last.

use anyhow::Context as _;
use less_sync_core::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Name of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";

/// Version of the layout of a backup.
const FORMAT: u32 = 1;

/// Largest manifest that is read, in bytes. A manifest has some 1000.
pub(super) const MAX_MANIFEST: u64 = 64 * 1024;

/// Manifest of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Version of the layout.
    pub(super) format: u32,
    /// Time of the database snapshot, as RFC 3339 in UTC.
    pub(super) created_at: String,
    /// Program that made the backup.
    pub(super) program: String,
    /// Kind of the database.
    pub(super) store: StoreKind,
    /// Version of the schema.
    pub(super) schema_version: i64,
    /// Major version of the database server; `None` for SQLite.
    pub(super) server_version: Option<u32>,
    /// Major version of `pg_dump`; `None` for SQLite.
    pub(super) dump_version: Option<u32>,
    /// The database.
    pub(super) database: FileEntry,
    /// The objects of files.
    pub(super) objects: ObjectsEntry,
    /// SHA-256 of this document with an empty checksum, in hexadecimal digits.
    checksum: String,
}

/// Kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StoreKind {
    Sqlite,
    Postgres,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// Name below the place of the backup.
    pub(super) name: String,
    /// Size in bytes.
    pub(super) size: u64,
    /// SHA-256 in hexadecimal digits.
    pub(super) sha256: String,
}

/// The objects of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectsEntry {
    /// Number of objects.
    pub(super) count: u64,
    /// Sum of their sizes, in bytes.
    pub(super) bytes: u64,
    /// Objects of live files that were missing or damaged when the backup was made.
    pub(super) missing: u64,
    /// The list of objects: a [`FileEntry`] per line, ascending by name.
    pub(super) list: FileEntry,
}

/// Contents of a manifest without its checksum and format.
pub(super) struct Contents {
    pub(super) created_at: String,
    pub(super) program: String,
    pub(super) store: StoreKind,
    pub(super) schema_version: i64,
    pub(super) server_version: Option<u32>,
    pub(super) dump_version: Option<u32>,
    pub(super) database: FileEntry,
    pub(super) objects: ObjectsEntry,
}

/// Text that is not a manifest of this program, or not whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidManifest {
    /// Truncated or changed.
    #[error("manifest is damaged")]
    Damaged,
    /// Written by a later version.
    #[error("backup has format {0}, which this build does not know")]
    Format(u32),
}

impl From<Contents> for Manifest {
    fn from(contents: Contents) -> Self {
        let Contents {
            created_at,
            program,
            store,
            schema_version,
            server_version,
            dump_version,
            database,
            objects,
        } = contents;
        Self {
            format: FORMAT,
            created_at,
            program,
            store,
            schema_version,
            server_version,
            dump_version,
            database,
            objects,
            checksum: String::new(),
        }
    }
}

impl Manifest {
    /// Text of the manifest, with its checksum.
    pub(super) fn to_text(&self) -> anyhow::Result<String> {
        const FAILED: &str = "failed to encode the manifest";
        let mut sealed = Self { checksum: String::new(), ..self.clone() };
        sealed.checksum = digest(serde_json::to_string_pretty(&sealed).context(FAILED)?.as_bytes());
        Ok(serde_json::to_string_pretty(&sealed).context(FAILED)? + "\n")
    }

    /// Reads a manifest that is whole: byte for byte what [`Manifest::to_text`] has written.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, InvalidManifest> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format =
            serde_json::from_slice::<Format>(bytes).map_err(|_malformed| InvalidManifest::Damaged)?.format;
        if format > FORMAT {
            return Err(InvalidManifest::Format(format));
        }
        let parsed: Self = serde_json::from_slice(bytes).map_err(|_malformed| InvalidManifest::Damaged)?;
        match parsed.to_text() {
            Ok(text) if text.as_bytes() == bytes => Ok(parsed),
            _ => Err(InvalidManifest::Damaged),
        }
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = |name: &str| FileEntry { name: name.to_owned(), size: 3, sha256: digest(b"abc") };
        Manifest::from(Contents {
            created_at: "2026-01-02T03:04:05Z".to_owned(),
            program: "less-sync-migrate 1".to_owned(),
            store: StoreKind::Sqlite,
            schema_version: 6,
            server_version: None,
            dump_version: None,
            database: file("snapshots/a/database.sqlite"),
            objects: ObjectsEntry { count: 2, bytes: 9, missing: 0, list: file("snapshots/a/objects.jsonl") },
        })
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let text = manifest().to_text().unwrap();
        let read = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(read.database, manifest().database);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            assert!(Manifest::parse(&changed).is_err(), "byte {at}");
            assert!(Manifest::parse(&text.as_bytes()[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn later_format_is_named() {
        let error = Manifest::parse(br#"{"format":2,"new":true}"#).unwrap_err();
        assert_eq!(error.to_string(), "backup has format 2, which this build does not know");
    }
}
