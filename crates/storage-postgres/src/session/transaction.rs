//! Transaction of several statements in a session.

use std::ops::{Deref, DerefMut};

use super::Session;
use super::statement::TransactionState;

/// An open transaction. Rolled back by the next statement of the session unless [`OpenTransaction::commit`] or
/// [`OpenTransaction::rollback`] was called.
#[derive(Debug)]
pub(crate) struct OpenTransaction<'s>(&'s mut Session);

impl Session {
    /// Begins a transaction.
    pub(crate) async fn begin(&mut self) -> Result<OpenTransaction<'_>, sqlx::Error> {
        self.roll_back_abandoned().await?;
        // Before the wait: a `BEGIN` whose response does not arrive may have begun a transaction.
        self.transaction = TransactionState::Open;
        let open = OpenTransaction(self);
        open.0.command("BEGIN").await?;
        Ok(open)
    }

    /// Rolls back a transaction that lost its owner.
    pub(super) async fn roll_back_abandoned(&mut self) -> Result<(), sqlx::Error> {
        if self.transaction == TransactionState::Abandoned {
            self.command("ROLLBACK").await?;
            self.transaction = TransactionState::None;
        }
        Ok(())
    }

    async fn end(&mut self, command: &'static str) -> Result<(), sqlx::Error> {
        let ended = self.command(command).await;
        if ended.is_ok() {
            self.transaction = TransactionState::None;
        }
        ended
    }
}

impl OpenTransaction<'_> {
    /// Commits. After an error of the connection the outcome is unknown (storage T9).
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.0.end("COMMIT").await
    }

    /// Rolls back.
    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.0.end("ROLLBACK").await
    }
}

impl Deref for OpenTransaction<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0
    }
}

impl DerefMut for OpenTransaction<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.0
    }
}

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if self.0.transaction == TransactionState::Open {
            self.0.transaction = TransactionState::Abandoned;
        }
    }
}
