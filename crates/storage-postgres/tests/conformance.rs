//! The conformance suite, on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "failing is how a test says that something is wrong")]

mod bed;

use bed::PostgresBackend;

less_sync_storage::conformance_tests!(PostgresBackend);
