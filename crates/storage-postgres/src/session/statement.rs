//! Statements as a session sends them: prepared under a name, or unnamed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Choice between named and unnamed statements, shared by the sessions of a store. It changes once, from named to unnamed,
/// when the database turns out to be behind a proxy that does not keep the names of its clients apart.
#[derive(Clone, Debug)]
pub(crate) struct Naming(Arc<Choice>);

#[derive(Debug)]
struct Choice {
    named: AtomicBool,
    /// Every session had a backend of its own when the store was opened.
    own_backends: AtomicBool,
}

impl Naming {
    pub(crate) fn new(statements: Statements) -> Self {
        let named = AtomicBool::new(statements == Statements::Named);
        Self(Arc::new(Choice { named, own_backends: AtomicBool::new(false) }))
    }

    /// Statements of sessions that are opened from now on.
    pub(crate) fn statements(&self) -> Statements {
        if self.0.named.load(Ordering::Relaxed) { Statements::Named } else { Statements::Unnamed }
    }

    /// Records that every session has a backend of its own.
    pub(crate) fn expect_own_backends(&self) {
        self.0.own_backends.store(true, Ordering::Relaxed);
    }

    /// Changes to unnamed statements if sessions share backends since the store was opened: the address leads to a proxy by
    /// now, whose handling of names was never checked.
    pub(super) fn found_shared_backend(&self) {
        if self.0.own_backends.load(Ordering::Relaxed) {
            self.give_up();
        }
    }

    /// Changes to unnamed statements.
    pub(crate) fn give_up(&self) {
        if self.0.named.swap(false, Ordering::Relaxed) {
            tracing::warn!(
                "database proxy does not keep prepared statements apart, using unnamed ones: set \
                 DATABASE_STATEMENT_CACHE=0, or let the proxy track prepared statements"
            );
        }
    }
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
