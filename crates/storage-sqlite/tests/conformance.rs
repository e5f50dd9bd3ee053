//! The conformance suite, on SQLite.

#![expect(clippy::unwrap_used, reason = "failing is how a test says that something is wrong")]

mod harness;

use harness::SqliteBackend;

less_sync_storage_conformance::conformance_tests!(SqliteBackend);
