//! Schema catalog of the database, and its fingerprint (storage §2.5).

use std::cmp::Ordering;
use std::fmt;

use less_sync_core::hex;
use sha2::{Digest as _, Sha256};

use super::files;
use crate::session::Session;

/// Tables of this program; other tables in the schema are ignored.
pub(crate) const TABLES: &[&str] = &[
    "blob_uploads",
    "epoch_keys",
    "federation_home_hints",
    "federation_peer_state",
    "federation_signing_keys",
    "files",
    "invitations",
    "issuer_bindings",
    "job_leases",
    "members",
    "owner_usage",
    "rate_limit_actions",
    "records",
    "revocations",
    "server_settings",
    "spaces",
];

/// Columns, constraints and indexes of the tables in `$1`.
///
/// Left out is what changes without a migration, or with the version of PostgreSQL: NOT NULL as a constraint, and
/// whether a foreign key has been validated. A predicate `x = true` is the same as `x`; databases have either.
const OBJECTS: &str = "
    WITH ours AS (
        SELECT c.oid, c.relname FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)
    )
    SELECT concat('column ', relname, '.', a.attname, ' ', format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN ' not null' END,
                  ' default ' || pg_get_expr(d.adbin, d.adrelid))
    FROM ours
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = ours.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT concat('constraint ', relname, '.', k.conname, ' ',
                  regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''))
    FROM ours JOIN pg_catalog.pg_constraint AS k ON k.conrelid = ours.oid AND k.contype <> 'n'
    UNION ALL
    SELECT concat('index ', relname, '.', x.indexrelid::regclass, ' ',
                  replace(pg_get_indexdef(x.indexrelid, 0, true), ' = true', ''),
                  CASE WHEN NOT x.indisvalid THEN ' INVALID' END)
    FROM ours JOIN pg_catalog.pg_index AS x ON x.indrelid = ours.oid";

/// SHA-256 over the objects of the schema, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

/// The first object, by table and name, in which a schema differs from that of its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Missing, or present in another form.
    Missing(String),
    /// Present although unexpected, or in another form than expected.
    Unexpected(String),
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(object) => write!(f, "missing {object}"),
            Self::Unexpected(object) => write!(f, "unexpected {object}"),
        }
    }
}

/// The objects of a schema, sorted.
#[derive(Debug)]
pub(crate) struct Catalog(Vec<String>);

impl Catalog {
    /// Reads the objects of the database, without the indexes that interrupted migrations after `version` left.
    pub(crate) async fn read(db: &mut Session, version: i64) -> sqlx::Result<Self> {
        let tables: Vec<String> = TABLES.iter().map(|&table| table.to_owned()).collect();
        let mut lines: Vec<String> = sqlx::query_scalar(OBJECTS).bind(tables).fetch_all(db).await?;
        let unfinished: Vec<_> = files::after(version).filter_map(|later| later.up().index()).collect();
        lines.retain(|line| !unfinished.iter().any(|index| names_index(line, index)));
        lines.sort_unstable();
        Ok(Self(lines))
    }

    /// Expected objects of `version`.
    pub(crate) fn of(version: i64) -> Self {
        Self(files::catalog_at(version).lines().map(str::to_owned).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::digest(self.0.join("\n").as_bytes());
        Fingerprint(hex::encode(&digest))
    }

    /// The first difference from `wanted`.
    pub(crate) fn drift_from(&self, wanted: &Self) -> Option<Drift> {
        let (mut found, mut wanted) = (self.0.iter().peekable(), wanted.0.iter().peekable());
        loop {
            let order = match (found.peek(), wanted.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(found), Some(wanted)) => found.cmp(wanted),
            };
            match order {
                Ordering::Equal => drop((found.next(), wanted.next())),
                Ordering::Less => return found.next().cloned().map(Drift::Unexpected),
                Ordering::Greater => return wanted.next().cloned().map(Drift::Missing),
            }
        }
    }
}

/// True if this line of a catalog describes that index.
fn names_index(line: &str, index: &str) -> bool {
    let name = line.strip_prefix("index ").and_then(|rest| rest.split_whitespace().next());
    name.and_then(|name| name.split_once('.')).is_some_and(|(_table, name)| name == index)
}

/// The lines of the schema as it is.
pub(crate) async fn read(db: &mut Session) -> sqlx::Result<Vec<String>> {
    Ok(Catalog::read(db, files::latest_version()).await?.0)
}

/// First difference between the schema and the catalog of `version`.
pub(crate) async fn drift(db: &mut Session, version: i64) -> sqlx::Result<Option<Drift>> {
    Ok(Catalog::read(db, version).await?.drift_from(&Catalog::of(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(lines: &[&str]) -> Catalog {
        Catalog(lines.iter().map(|&line| line.to_owned()).collect())
    }

    #[test]
    fn first_differing_object_is_named() {
        let wanted = catalog(&["a", "c", "e"]);
        assert_eq!(catalog(&["a", "c", "e"]).drift_from(&wanted), None);
        assert_eq!(catalog(&["a", "e"]).drift_from(&wanted), Some(Drift::Missing("c".into())));
        assert_eq!(catalog(&["a", "b", "e"]).drift_from(&wanted), Some(Drift::Unexpected("b".into())));
        assert_eq!(catalog(&["a", "c"]).drift_from(&wanted), Some(Drift::Missing("e".into())));
        assert_eq!(catalog(&["a", "c", "e", "f"]).drift_from(&wanted), Some(Drift::Unexpected("f".into())));
    }

    #[test]
    fn fingerprint_is_sha_256_of_the_lines() {
        let expected = "fcacce43f05ea5b2ce37c1ffb307a0ec2cd6a42c318b1f2a3dcea4ce43e9c9e5";
        assert_eq!(catalog(&["a", "b"]).fingerprint().to_string().len(), expected.len());
        assert_ne!(catalog(&["a", "b"]).fingerprint(), catalog(&["ab"]).fingerprint());
    }

    #[test]
    fn index_is_recognised_by_its_name_alone() {
        assert!(names_index("index files.idx CREATE INDEX idx ON files", "idx"));
        assert!(!names_index("index files.idx2 CREATE INDEX idx2 ON files", "idx"));
        assert!(!names_index("constraint files.idx CHECK (true)", "idx"));
    }
}
