//! The conformance suite, on PostgreSQL.

use crate::bed::PostgresBackend;

less_sync_storage::conformance_tests!(PostgresBackend);

mod shared {
    use crate::bed::PostgresBackend;

    less_sync_storage::conformance_tests_shared!(PostgresBackend);
}
