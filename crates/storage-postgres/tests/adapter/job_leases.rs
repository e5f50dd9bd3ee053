//! Leases of jobs: one holder at a time, take-over after a death, clocks that went back.

use std::time::Duration;

use less_sync_storage_postgres::{JobClaim, JobTimes};
use uuid::Uuid;

use crate::harness::{Harness, execute};

const JOB: &str = "sweeper";
const TIMES: JobTimes = JobTimes { lease: Duration::from_mins(1), period: Duration::from_mins(10) };

fn process(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Lets time pass for the leases: every one of them is moved into the past.
async fn pass(harness: &Harness, minutes: i32) {
    let sql = "UPDATE job_leases SET expires_at = expires_at - make_interval(mins => $1),
                                     due_at = due_at - make_interval(mins => $1)";
    sqlx::query(sql).bind(minutes).execute(&mut harness.connect().await).await.unwrap();
}

async fn is_held(harness: &Harness, holder: u128) -> bool {
    harness.storage.claim_job(JOB, process(holder), TIMES).await.unwrap() == JobClaim::Held
}

#[tokio::test]
async fn job_runs_once_per_period_on_one_of_the_processes() {
    let harness = Harness::new(|options| options).await;
    for _ in 0..3 {
        let mut claims = tokio::task::JoinSet::new();
        for holder in 1..=8 {
            let storage = harness.storage.clone();
            claims.spawn(async move {
                let claim = storage.claim_job(JOB, process(holder), TIMES).await.unwrap();
                (claim == JobClaim::Held).then_some(holder)
            });
        }
        let holders: Vec<u128> = claims.join_all().await.into_iter().flatten().collect();
        let [holder] = holders[..] else { panic!("{holders:?}") };
        harness.storage.release_job(JOB, process(holder), true).await.unwrap();
        let JobClaim::Elsewhere { succeeded } =
            harness.storage.claim_job(JOB, process(holder), TIMES).await.unwrap()
        else {
            panic!("claimed before the period has passed");
        };
        assert!(succeeded.is_some());
        pass(&harness, 9).await;
        assert!(!is_held(&harness, 1).await);
        pass(&harness, 1).await;
    }
    harness.end().await;
}

/// A process that dies leaves its lease behind, which the others wait for, and not for the period.
#[tokio::test]
async fn abandoned_run_is_taken_over_when_its_lease_expires() {
    let harness = Harness::new(|options| options).await;
    assert!(is_held(&harness, 1).await);
    assert!(!is_held(&harness, 2).await);
    assert!(is_held(&harness, 1).await, "its own holder may begin again");
    pass(&harness, 1).await;
    assert!(is_held(&harness, 2).await);
    // The first one was suspended and continues: nothing of it has an effect any more.
    assert!(!harness.storage.extend_job(JOB, process(1), TIMES.lease).await.unwrap());
    harness.storage.release_job(JOB, process(1), true).await.unwrap();
    assert!(!is_held(&harness, 3).await);
    harness.end().await;
}

#[tokio::test]
async fn extended_run_is_not_taken_over() {
    let harness = Harness::new(|options| options).await;
    assert!(is_held(&harness, 1).await);
    pass(&harness, 1).await;
    assert!(harness.storage.extend_job(JOB, process(1), TIMES.lease).await.unwrap());
    assert!(!is_held(&harness, 2).await);
    harness.end().await;
}

#[tokio::test]
async fn failed_run_is_due_at_once() {
    let harness = Harness::new(|options| options).await;
    assert!(is_held(&harness, 1).await);
    harness.storage.release_job(JOB, process(1), false).await.unwrap();
    assert!(is_held(&harness, 2).await);
    harness.end().await;
}

/// The clock of the database was ahead, and has been corrected; or the rows come from such a database by a restore.
#[tokio::test]
async fn times_beyond_a_claim_count_as_passed() {
    let harness = Harness::new(|options| options).await;
    assert!(is_held(&harness, 1).await);
    execute(&mut harness.connect().await, "UPDATE job_leases SET expires_at = now() + interval '1 year'")
        .await;
    assert!(is_held(&harness, 2).await);
    harness.storage.release_job(JOB, process(2), true).await.unwrap();
    execute(&mut harness.connect().await, "UPDATE job_leases SET due_at = now() + interval '1 year'").await;
    assert!(is_held(&harness, 3).await);
    harness.end().await;
}
