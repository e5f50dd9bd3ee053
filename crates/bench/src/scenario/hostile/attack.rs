//! Contract of an attack, and the work that it did.

use super::pipeline::Outcomes;
use crate::period::Period;
use crate::server::ServerUnderTest;

/// Attack of one kind, by users who are no bystanders.
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
pub(super) struct Work(Vec<(String, u64)>);

impl Work {
    /// Requests of pipelines, named `requests` in the plural: sent, succeeded and rejected, and connections closed.
    pub(super) fn of_pipelines(requests: &str, outcomes: &[Outcomes]) -> Self {
        let total = |count: fn(&Outcomes) -> u64| outcomes.iter().map(count).sum();
        Self::default()
            .with(format!("{requests}_sent"), total(|outcomes| outcomes.sent))
            .with(format!("{requests}_succeeded"), total(|outcomes| outcomes.succeeded))
            .with(format!("{requests}_rejected"), total(|outcomes| outcomes.rejected))
            .with("connections_closed", total(|outcomes| u64::from(outcomes.closed.is_some())))
    }

    /// Adds a count.
    pub(super) fn with(mut self, name: impl Into<String>, count: u64) -> Self {
        self.0.push((name.into(), count));
        self
    }

    /// Name and value of every count.
    pub(super) fn into_counts(self) -> impl Iterator<Item = (String, u64)> {
        self.0.into_iter()
    }
}
