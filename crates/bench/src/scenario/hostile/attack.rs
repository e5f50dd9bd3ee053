//! Contract of an attack, and the work that it did.

use crate::period::Period;
use crate::server::ServerUnderTest;

/// Attack of one kind, by users who are no bystanders (see [`attackers`]).
pub(super) trait Attack {
    /// Name in the figures.
    const NAME: &'static str;

    /// Connections, spaces and messages that the attack uses.
    type Ready;

    /// Prepares the attack; nothing is measured meanwhile.
    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Self::Ready>;

    /// Attacks until the end of `period`, or until as much is done as the attack allows itself. Rejections by the server are
    /// work, not errors.
    async fn run(&self, server: &ServerUnderTest, ready: Self::Ready, period: Period)
    -> anyhow::Result<Work>;
}

/// Counts of what an attack did, by name.
#[derive(Debug, Default)]
pub(super) struct Work(Vec<(&'static str, u64)>);

impl Work {
    /// Adds a count.
    pub(super) fn with(mut self, name: &'static str, count: u64) -> Self {
        self.0.push((name, count));
        self
    }

    /// Name and value of every count.
    pub(super) fn into_counts(self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.into_iter()
    }
}
