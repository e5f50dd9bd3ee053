//! The conformance suite, on PostgreSQL.

use crate::harness::PostgresBackend;

less_sync_storage_conformance::conformance_tests!(PostgresBackend);
