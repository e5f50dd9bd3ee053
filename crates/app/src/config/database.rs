//! Where the data lives.

use std::path::PathBuf;

use less_sync_storage_sqlite::SqliteOptions;

use super::reader::Reader;

const MIB: usize = 1024 * 1024;

/// The store.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL=sqlite:…`, `PULL_PAGE_ROWS`, `PULL_PAGE_BYTES`.
    pub sqlite: SqliteOptions,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let path = path(reader);
        let defaults = SqliteOptions::new(PathBuf::new());
        let page_rows = reader.count("PULL_PAGE_ROWS", defaults.page_rows, 1..=10_000);
        let page_bytes = reader.size("PULL_PAGE_BYTES", defaults.page_bytes, 1024..=64 * MIB);
        Some(Self { sqlite: SqliteOptions { path: path?, page_rows, page_bytes, ..defaults } })
    }
}

fn path(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let Some(url) = reader.text("DATABASE_URL") else {
        reader.problem("DATABASE_URL must be set");
        return None;
    };
    // An address of another kind may hold a password.
    reader.show("DATABASE_URL", "set");
    let Some(rest) = url.strip_prefix("sqlite:") else {
        reader.problem("unsupported database scheme");
        return None;
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        reader.problem("invalid DATABASE_URL: expected sqlite: and the path of a file");
        return None;
    }
    reader.show("DATABASE_URL", &url);
    Some(PathBuf::from(path))
}
