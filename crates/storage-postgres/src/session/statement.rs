//! Statements as a session sends them: prepared under a name, or unnamed.

use sqlx::postgres::{PgArguments, PgStatement};
use sqlx::{Execute, Postgres, SqlStr};

/// Handling of prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statements {
    /// Prepared once per connection, under a name that the server keeps.
    Named,
    /// Prepared for each execution, without a name, and within a transaction. Preparation and execution are two round
    /// trips, and a proxy that pools transactions may send them to two backends otherwise: the second would then find
    /// no unnamed statement, or that of another client.
    Unnamed,
}

/// State of the transaction of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionState {
    /// No transaction.
    None,
    /// Begun, and neither committed nor rolled back.
    Open,
    /// Open without an owner; rolled back before the next statement.
    Abandoned,
}

/// A statement with its parameters.
pub(super) struct Prepared {
    sql: SqlStr,
    /// `None`: sent by the simple protocol, which prepares nothing.
    arguments: Option<PgArguments>,
    statements: Statements,
}

impl Prepared {
    pub(super) fn new(sql: SqlStr, arguments: Option<PgArguments>, statements: Statements) -> Self {
        Self { sql, arguments, statements }
    }

    /// True if the statement must not run outside of a transaction.
    pub(super) fn needs_transaction(&self) -> bool {
        self.arguments.is_some() && self.statements == Statements::Unnamed
    }
}

impl Execute<'_, Postgres> for Prepared {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.statements == Statements::Named
    }
}
