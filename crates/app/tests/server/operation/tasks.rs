//! The supervisor of tasks (operations §4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use less_sync_app::Tasks;
use less_sync_engine::Spawner as _;
use less_sync_test_support::{ManualClock, within};
use tokio::sync::{mpsc, watch};

fn tasks() -> (Tasks, ManualClock) {
    let clock = ManualClock::new();
    (Tasks::new(Arc::new(clock.clone())), clock)
}

/// Completes once a task waits for the time to pass.
async fn asleep(clock: &ManualClock) {
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
}

async fn end(tasks: &Tasks) {
    tasks.stop();
    within("the end of all tasks", tasks.join()).await;
    assert_eq!(tasks.running(), []);
}

#[tokio::test]
async fn an_essential_task_that_ends_stops_the_server() {
    let (tasks, _clock) = tasks();
    tasks.spawn_essential("listener", |_stop| async {});
    within("the drain", tasks.draining()).await;
    assert_eq!(tasks.failed(), Some("listener"));
    end(&tasks).await;
}

#[tokio::test]
async fn an_essential_task_that_panics_stops_the_server() {
    let (tasks, _clock) = tasks();
    tasks.spawn_essential("writer", |_stop| async { panic!("broken") });
    within("the drain", tasks.draining()).await;
    assert_eq!(tasks.failed(), Some("writer"));
    end(&tasks).await;
}

#[tokio::test]
async fn an_essential_task_that_ends_at_shutdown_is_no_failure() {
    let (tasks, _clock) = tasks();
    tasks.spawn_essential("listener", |stop| async move { stop.cancelled().await });
    end(&tasks).await;
    assert_eq!(tasks.failed(), None);
}

/// O17.
#[tokio::test]
async fn a_job_that_panics_is_restarted_with_backoff() {
    let (tasks, clock) = tasks();
    let starts = Arc::new(watch::Sender::new(0));
    let counted = starts.clone();
    tasks.spawn_job("sweep", move |draining| {
        counted.send_modify(|starts| *starts += 1);
        let nth = *counted.borrow();
        async move {
            assert!(nth >= 4, "broken");
            draining.await;
        }
    });
    let mut seen = starts.subscribe();
    for (nth, pause) in [(1, 1), (2, 2), (3, 4)] {
        within("a start", seen.wait_for(|starts| *starts == nth)).await.ok();
        let pause = Duration::from_secs(pause);
        clock.until_armed(pause).await;
        clock.advance(pause.saturating_sub(Duration::from_millis(1)));
        assert_eq!(*starts.borrow(), nth, "not before {pause:?} have passed");
        clock.advance(Duration::from_millis(1));
    }
    within("the fourth start", seen.wait_for(|starts| *starts == 4)).await.ok();
    tasks.drain();
    end(&tasks).await;
    assert_eq!(tasks.failed(), None);
}

#[tokio::test]
async fn periodic_work_is_done_about_once_a_period_until_shutdown() {
    let (tasks, clock) = tasks();
    let (done, mut rounds) = mpsc::channel(16);
    let period = Duration::from_mins(1);
    tasks.spawn_periodic("checkpoint", period, move || {
        let done = done.clone();
        async move { done.send(()).await.unwrap_or_default() }
    });
    for round in 0..3 {
        within("a pause", asleep(&clock)).await;
        assert!(rounds.try_recv().is_err(), "round {round} came too early");
        clock.advance(period.mul_f64(1.1));
        assert_eq!(within("a round", rounds.recv()).await, Some(()));
    }
    tasks.drain();
    assert_eq!(within("the end of the job", rounds.recv()).await, None);
    end(&tasks).await;
}

/// Counts those that were dropped in the middle of their work.
struct DropCounter(Arc<AtomicUsize>);

impl Drop for DropCounter {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_connection_that_panics_ends_alone_and_others_end_at_the_stop() {
    let (tasks, _clock) = tasks();
    let cut = Arc::new(AtomicUsize::new(0));
    tasks.spawn("connection", Box::pin(async { panic!("broken") }));
    let guard = DropCounter(cut.clone());
    tasks.spawn(
        "connection",
        Box::pin(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        }),
    );
    tasks.drain();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(tasks.running(), [("connection", 1)], "draining ends jobs only");
    assert_eq!(tasks.failed(), None);
    end(&tasks).await;
    assert_eq!(cut.load(Ordering::SeqCst), 1);
}
