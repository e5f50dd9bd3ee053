//! The conformance suite, on PostgreSQL.

use crate::harness::PostgresBackend;

less_sync_storage::conformance_tests!(PostgresBackend);
