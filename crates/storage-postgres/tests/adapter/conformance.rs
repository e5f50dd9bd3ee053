//! The conformance suite, on PostgreSQL.

use crate::bed::PostgresBackend;

less_sync_storage::conformance_tests!(PostgresBackend);
