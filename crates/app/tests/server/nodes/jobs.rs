//! Jobs that one node of a deployment runs for all (operations §4, decision 0045).

use std::time::Duration;

use less_sync_metrics::Registry;
use less_sync_test_support::{TestNode, TestServer, within};
use sqlx::{Connection as _, Executor as _, PgConnection};

/// Every job under a lease, with a server that keeps files and counts actions.
const JOBS: [&str; 6] = [
    "blob sweeper",
    "federation key deletion",
    "home hint purge",
    "invitation purge",
    "rate limit purge",
    "stub purge",
];

/// More than the longest period with its jitter.
const LONG: Duration = Duration::from_hours(27);

/// Three nodes on one database and one clock.
struct Deployment {
    one: TestServer,
    others: Vec<TestNode>,
    database: PgConnection,
}

impl Deployment {
    async fn start() -> Self {
        let builder = TestServer::builder().manual_clock().files().postgres();
        // All jobs come up at once, with one connection of each node for all of them.
        let builder = builder.setting("DATABASE_ACQUIRE_TIMEOUT_MS", "60000");
        let one = builder.setting("IDENTITY_HASH_KEY", &"1a".repeat(32)).start().await;
        let others = vec![one.another_node(None).await, one.another_node(None).await];
        let database = PgConnection::connect(&one.database_url()).await.unwrap();
        Self { one, others, database }
    }

    fn metrics(&self) -> impl Iterator<Item = &Registry> {
        std::iter::once(self.one.metrics()).chain(self.others.iter().map(TestNode::metrics))
    }

    /// Runs of `job` with `outcome` on all nodes.
    fn runs(&self, job: &str, outcome: &str) -> u64 {
        self.metrics().map(|registry| runs(registry, job, outcome)).sum()
    }

    /// Has every job come up once on every node.
    async fn period(&mut self) {
        let came_up = |deployment: &Self, job: &str| {
            let of = |registry| ["ok", "failed", "elsewhere"].map(|outcome| runs(registry, job, outcome));
            deployment.metrics().map(|registry| of(registry).iter().sum::<u64>()).collect::<Vec<_>>()
        };
        let before: Vec<_> = JOBS.iter().map(|job| came_up(self, job)).collect();
        let all = async {
            for (job, before) in JOBS.iter().zip(before) {
                while !came_up(self, job).iter().zip(&before).all(|(now, before)| now > before) {
                    self.one.clock().advance(LONG);
                    // Not ahead of the reads that it waits for.
                    self.one.get("/readyz").await;
                }
            }
        };
        within("every job to come up on every node", all).await;
    }

    async fn execute(&mut self, sql: &'static str) {
        self.database.execute(sql).await.unwrap();
    }
}

fn runs(registry: &Registry, job: &str, outcome: &str) -> u64 {
    let series = format!("job_runs_total{{job=\"{job}\",outcome=\"{outcome}\"}} ");
    let text = registry.render();
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap_or_else(|| panic!("no {series}")).parse().unwrap()
}

#[tokio::test]
async fn every_job_runs_once_per_period_on_any_of_three_nodes() {
    let mut deployment = Deployment::start().await;
    for round in 1..=3 {
        deployment.period().await;
        for job in JOBS {
            assert_eq!(deployment.runs(job, "ok"), round, "{job} in round {round}");
            assert_eq!(deployment.runs(job, "failed"), 0, "{job}");
        }
        // The clock of the database stands still beside that of the test.
        deployment.execute("UPDATE job_leases SET due_at = now()").await;
    }
}

/// A node dies in the middle of a run. The others leave its lease alone until it expires, and one of them repeats the run.
#[tokio::test]
async fn run_of_a_dead_node_is_taken_over_once() {
    const JOB: &str = "invitation purge";
    let builder = TestServer::builder().manual_clock().postgres().setting("DATABASE_LOCK_TIMEOUT_MS", "0");
    let one = builder.setting("DATABASE_STATEMENT_TIMEOUT_MS", "0").start().await;
    let clock = one.clock().clone();
    let mut database = PgConnection::connect(&one.database_url()).await.unwrap();
    // No run on invitations ends as long as this session holds the table. Nodes that start read its definition meanwhile.
    database.execute("BEGIN; LOCK TABLE invitations IN EXCLUSIVE MODE").await.unwrap();
    let begun = async {
        let held = "SELECT count(*) FROM job_leases WHERE job = 'invitation purge' AND holder IS NOT NULL";
        while sqlx::query_scalar::<_, i64>(held).fetch_one(&mut database).await.unwrap() == 0 {
            clock.advance(LONG);
        }
    };
    within("a run to begin", begun).await;
    let others = [one.another_node(None).await, one.another_node(None).await];
    let _database = one.kill();
    database.execute("COMMIT").await.unwrap();
    let count =
        |outcome: &str| others.iter().map(|node| runs(node.metrics(), JOB, outcome)).collect::<Vec<_>>();
    let come_up = async |since: &[u64]| {
        let all = async {
            while !count("elsewhere")
                .iter()
                .zip(count("ok"))
                .zip(since)
                .all(|((no, yes), since)| no + yes > *since)
            {
                clock.advance(LONG);
                others[0].get("/readyz").await;
            }
        };
        within("the job to come up on both", all).await;
    };
    come_up(&[0, 0]).await;
    assert_eq!(count("ok"), [0, 0]);
    database.execute("UPDATE job_leases SET expires_at = now() WHERE holder IS NOT NULL").await.unwrap();
    come_up(&count("elsewhere")).await;
    assert_eq!(count("ok").iter().sum::<u64>(), 1);
}
