//! Error of the driver for the log and for operators.

use std::error::Error;
use std::fmt;

use sqlx::postgres::PgDatabaseError;

/// Error of the driver. Its text is the message of the database alone: the driver's own text adds a line number in the source of
/// PostgreSQL, and repeats the text of its source.
#[derive(Debug)]
pub struct DriverFailure(sqlx::Error);

impl DriverFailure {
    /// The error of the driver.
    #[must_use]
    pub fn driver(&self) -> &sqlx::Error {
        &self.0
    }

    /// SQLSTATE, if the database has sent the error.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.sent().map(PgDatabaseError::code)
    }

    /// Hint of the database.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.sent()?.hint()
    }

    fn sent(&self) -> Option<&PgDatabaseError> {
        sent(&self.0)
    }
}

fn sent(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// Text of an error of the driver on one line, as [`DriverFailure`] has it with its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriverText<'e>(pub(crate) &'e sqlx::Error);

impl fmt::Display for DriverText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match sent(self.0) {
            Some(sent) => f.write_str(sent.message()),
            None => self.0.fmt(f),
        }
    }
}

impl From<sqlx::Error> for DriverFailure {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for DriverFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.sent()) {
            (_, Some(sent)) => f.write_str(sent.message()),
            (sqlx::Error::Io(_), None) => f.write_str("connection to the database failed"),
            (sqlx::Error::Tls(_), None) => f.write_str("encrypted connection to the database failed"),
            (other, None) => other.fmt(f),
        }
    }
}

impl Error for DriverFailure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the texts of other errors contain their sources")]
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            sqlx::Error::Io(error) => Some(error),
            sqlx::Error::Tls(error) => Some(&**error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use less_sync_core::ErrorChain;

    use super::*;

    #[test]
    fn causes_are_shown_once() {
        let lost = DriverFailure(sqlx::Error::Io(io::Error::other("no route")));
        assert_eq!(ErrorChain(&lost).to_string(), "connection to the database failed: no route");
        let tls = DriverFailure(sqlx::Error::Tls("bad certificate".into()));
        assert_eq!(
            ErrorChain(&tls).to_string(),
            "encrypted connection to the database failed: bad certificate"
        );
        let closed = DriverFailure(sqlx::Error::PoolClosed);
        assert_eq!(ErrorChain(&closed).to_string(), sqlx::Error::PoolClosed.to_string());
    }
}
