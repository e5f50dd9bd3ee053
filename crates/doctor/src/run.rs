//! Execution of checks: concurrent, each within its own time.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};

use crate::finding::Finding;

/// A check that has not run yet.
pub struct Check<'a> {
    name: &'static str,
    limit: Duration,
    work: BoxFuture<'a, Vec<Finding>>,
}

impl<'a> Check<'a> {
    /// A check with a time limit. `name` is that of the finding after the limit.
    pub fn new(
        name: &'static str,
        limit: Duration,
        work: impl Future<Output = Vec<Finding>> + Send + 'a,
    ) -> Self {
        Self { name, limit, work: work.boxed() }
    }

    async fn findings(self) -> Vec<Finding> {
        let Self { name, limit, work } = self;
        match tokio::time::timeout(limit, work).await {
            Ok(findings) => findings,
            Err(_elapsed) => {
                let seen = format!("no result within {} s", limit.as_secs());
                vec![Finding::fail(
                    name,
                    seen,
                    "look for a firewall or a proxy that drops the traffic, or an overloaded machine",
                )]
            }
        }
    }
}

impl std::fmt::Debug for Check<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("name", &self.name).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Runs checks concurrently; their findings are in the order of the checks.
pub async fn run(checks: Vec<Check<'_>>) -> Vec<Finding> {
    join_all(checks.into_iter().map(Check::findings)).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    #[tokio::test(start_paused = true)]
    async fn check_that_hangs_fails_after_its_limit_and_holds_up_no_other() {
        let limit = Duration::from_secs(10);
        let found = run(vec![
            Check::new("slow", limit, std::future::pending()),
            Check::new("fast", limit, async { vec![Finding::ok("fast", "done")] }),
        ])
        .await;
        let found: Vec<_> = found.iter().map(|finding| (finding.check, finding.verdict)).collect();
        assert_eq!(found, [("slow", Verdict::Fail), ("fast", Verdict::Ok)]);
    }
}
