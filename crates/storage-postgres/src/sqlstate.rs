//! SQLSTATE table: the meaning of PostgreSQL error codes to the contract (storage §3.2).

use std::io::ErrorKind;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Race that a transaction lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LostRace {
    /// `serialization_failure`
    Serialization,
    /// `deadlock_detected`
    Deadlock,
}

/// Meaning of a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Rolled back without effect; a retry may succeed at once (storage T7).
    Retry(LostRace),
    /// Transient.
    Unavailable,
    /// A row refers to a space that does not exist.
    SpaceNotFound,
    /// The id of a space is taken.
    SpaceExists,
    /// Unexpected.
    Bug,
}

/// The meaning of a code, with the name of the constraint for those that have one.
fn meaning_of(code: &str, constraint: Option<&str>) -> Meaning {
    match code {
        "40001" => Meaning::Retry(LostRace::Serialization),
        "40P01" => Meaning::Retry(LostRace::Deadlock),
        // foreign_key_violation
        "23503" if constraint.is_some_and(|name| name.ends_with("_space_id_fkey")) => Meaning::SpaceNotFound,
        // unique_violation
        "23505" if constraint == Some("spaces_pkey") => Meaning::SpaceExists,
        // lock_not_available; query_canceled: the statement timeout; read_only_sql_transaction: a standby, or on its
        // way to become one; idle_in_transaction_session_timeout; statement_completion_unknown, transaction_resolution_unknown
        "55P03" | "57014" | "25006" | "25P03" | "40003" | "08007" => Meaning::Unavailable,
        // connection_exception; insufficient_resources: disk, memory, connections; operator_intervention: shutdown, crash,
        // starting up; system_error
        _ if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Meaning::Unavailable,
        _ => Meaning::Bug,
    }
}

/// Maps an error of the driver.
#[expect(clippy::wildcard_enum_match_arm, reason = "the driver may add errors; unknown ones are bugs")]
pub(crate) fn meaning(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::Database(error) if is_clash(&**error) => Meaning::Unavailable,
        sqlx::Error::Database(error) => meaning_of(&error.code().unwrap_or_default(), error.constraint()),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Meaning::Unavailable,
        _ => Meaning::Bug,
    }
}

/// True if the connection is usable after `error`. Otherwise the outcome of a running statement is unknown (storage T9).
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "after an unknown error the state of the connection is unknown"
)]
pub(crate) fn leaves_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let severity = error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
            !matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
                && !is_read_only(&**error)
                && !is_clash(&**error)
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => true,
        _ => false,
    }
}

/// True if a prepared statement was not there, or another one was there under its name: the statement did not run. A
/// proxy that pools transactions has led the session to another backend.
pub(crate) fn is_name_clash(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(is_clash)
}

/// `duplicate_prepared_statement`, `invalid_sql_statement_name`; or parameters that the statement under this name does not take,
/// which the database reports before it runs: their number, or the format of one of them.
fn is_clash(error: &dyn DatabaseError) -> bool {
    let routine = error.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::routine);
    matches!(error.code().as_deref(), Some("42P05" | "26000")) || routine == Some("exec_bind_message")
}

/// True if a proxy rejected the connection for a start-up parameter that it does not know.
pub(crate) fn rejects_startup_parameter(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("unsupported startup parameter"))
}

/// True if the server ended the session, for an administrator or because it stopped.
pub(crate) fn ends_session(error: &sqlx::Error) -> bool {
    let ended = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    if let sqlx::Error::Io(error) = error {
        return ended.contains(&error.kind());
    }
    // admin_shutdown
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("57P01"))
}

/// After a failover an old connection may lead to what is now a standby; a new one finds the primary.
fn is_read_only(error: &dyn DatabaseError) -> bool {
    error.code().as_deref() == Some("25006")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_contract_says() {
        for (code, constraint, expected) in [
            ("40001", None, Meaning::Retry(LostRace::Serialization)),
            ("40P01", None, Meaning::Retry(LostRace::Deadlock)),
            ("55P03", None, Meaning::Unavailable),
            ("57014", None, Meaning::Unavailable),
            ("57P01", None, Meaning::Unavailable),
            ("53300", None, Meaning::Unavailable),
            ("53100", None, Meaning::Unavailable),
            ("08006", None, Meaning::Unavailable),
            ("25006", None, Meaning::Unavailable),
            ("58030", None, Meaning::Unavailable),
            ("23503", Some("records_space_id_fkey"), Meaning::SpaceNotFound),
            ("23503", Some("revocations_space_id_fkey"), Meaning::SpaceNotFound),
            ("23503", Some("files_record_fk"), Meaning::Bug),
            ("23505", Some("spaces_pkey"), Meaning::SpaceExists),
            ("23505", Some("records_pkey"), Meaning::Bug),
            ("23514", Some("files_not_deleted_check"), Meaning::Bug),
            ("22001", None, Meaning::Bug),
            ("42883", None, Meaning::Bug),
            ("XX000", None, Meaning::Bug),
            ("", None, Meaning::Bug),
        ] {
            assert_eq!(meaning_of(code, constraint), expected, "{code} {constraint:?}");
        }
    }

    #[test]
    fn lost_connection_is_unavailable_and_not_used_again() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(!leaves_connection(&lost));
        assert_eq!(meaning(&lost), Meaning::Unavailable);
    }
}
