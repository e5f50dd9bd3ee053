//! Joining of the client tasks of a scenario.

use anyhow::Context as _;
use tokio::task::JoinSet;

/// Waits for every task; fails with the first error. `client` names the tasks in the error of one that panicked.
pub(crate) async fn join_all<T: 'static>(
    mut tasks: JoinSet<anyhow::Result<T>>,
    client: &str,
) -> anyhow::Result<Vec<T>> {
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(joined) = tasks.join_next().await {
        results.push(joined.with_context(|| format!("{client} panicked"))??);
    }
    Ok(results)
}
