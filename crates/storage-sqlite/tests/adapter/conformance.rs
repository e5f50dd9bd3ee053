//! The conformance suite, on SQLite.

use crate::harness::SqliteBackend;

less_sync_storage_conformance::conformance_tests!(SqliteBackend);
