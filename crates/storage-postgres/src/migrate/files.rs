//! The migrations of this build.

use sha2::{Digest as _, Sha384};

use super::script::Script;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Migration: the scripts to a version of the schema, and back.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    /// As in the name of its file.
    pub(crate) name: &'static str,
    up: &'static str,
    down: &'static str,
}

impl Migration {
    /// Name in the bookkeeping table and in messages.
    pub(crate) fn description(&self) -> String {
        self.name.replace('_', " ")
    }

    /// SHA-384 of the file.
    pub(crate) fn checksum(&self) -> Vec<u8> {
        Sha384::digest(self.up.as_bytes()).to_vec()
    }

    pub(crate) fn up(&self) -> Script {
        Script::new(self.up)
    }

    pub(crate) fn down(&self) -> Script {
        Script::new(self.down)
    }
}

/// The version that this build needs.
#[must_use]
pub fn latest_version() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

pub(crate) fn find(version: i64) -> Option<&'static Migration> {
    MIGRATIONS.iter().find(|migration| migration.version == version)
}

/// Migrations after `version`, oldest first.
pub(crate) fn after(version: i64) -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(move |migration| migration.version > version)
}

/// The objects of the schema at `version`, one a line, sorted.
pub(crate) fn catalog_at(version: i64) -> &'static str {
    CATALOGS.iter().rfind(|(since, _)| *since <= version).map_or("", |(_, catalog)| catalog)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_no_gaps() {
        let versions: Vec<_> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=latest_version()).collect::<Vec<_>>());
        assert!(latest_version() >= 21);
    }

    #[test]
    fn descriptions_are_those_of_the_original() {
        let descriptions: Vec<_> = after(0).take(12).map(Migration::description).collect();
        let original = [
            "initial",
            "revocations",
            "invitations",
            "add wrapped dek",
            "files record id",
            "privacy phase1",
            "mailbox invitations",
            "ephemeral rate limits",
            "rewrap epoch",
            "unified cursor",
            "federation keys",
            "federation key lifecycle",
        ];
        assert_eq!(descriptions, original);
    }

    /// A concurrent build of an index, or a block that commits by itself: neither runs in a transaction, and several statements
    /// that are sent together are one.
    #[test]
    fn statements_without_a_transaction_are_alone_in_their_file() {
        for migration in MIGRATIONS {
            for script in [migration.up(), migration.down()] {
                let (sql, name) = (script.sql(), migration.name);
                let (builds, commits) = (sql.contains("CONCURRENTLY"), sql.contains("COMMIT;"));
                assert_eq!(builds || commits, !script.in_transaction(), "{name}");
                if builds {
                    assert_eq!(sql.matches(';').count(), 1, "{name}");
                    assert!(migration.up().index().is_some(), "{name}");
                } else if commits {
                    let (_, block) = sql.split_once("\nDO $$").unwrap();
                    assert_eq!(block.split_once("$$;").unwrap().1.trim(), "", "{name}");
                }
            }
        }
    }
}
