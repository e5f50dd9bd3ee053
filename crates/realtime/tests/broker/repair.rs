//! Position check: detection and repair of lost events (decision 0014).

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{Cid, ClientId, Epoch, SpaceId};
use less_sync_realtime::{Broker, PositionCheck};
use less_sync_storage::{
    AdminGrant, OwnerHash, Revocations, Space, SpaceKind, SpaceRejection, Spaces, SpacesError, StorageError,
};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::fixture::{Client, HERE, Received, THERE, TokioClock, broker, cursor, push, subscribed_clients};

/// Storage fake with cursors, and counters of its queries.
#[derive(Default)]
struct Stored {
    cursors: Mutex<HashMap<SpaceId, u64>>,
    looks: AtomicUsize,
    largest: AtomicUsize,
    failing: AtomicBool,
}

#[async_trait]
impl Spaces for Stored {
    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }

    async fn spaces(&self, ids: &[SpaceId]) -> Result<Vec<Space>, StorageError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.largest.fetch_max(ids.len(), Ordering::Relaxed);
        if self.failing.swap(false, Ordering::Relaxed) {
            return Err(StorageError::Unavailable("out of order".into()));
        }
        let cursors = self.cursors.lock();
        Ok(ids.iter().filter_map(|id| Some(stored(*id, *cursors.get(id)?))).collect())
    }

    async fn create_space(
        &self,
        _: SpaceId,
        _: &ClientId,
        _: SpaceKind,
        _: Option<OwnerHash>,
    ) -> Result<Space, SpacesError> {
        Err(StorageError::Rejected(SpaceRejection::Exists))
    }

    async fn personal_space(
        &self,
        _: SpaceId,
        _: &ClientId,
        _: Option<OwnerHash>,
    ) -> Result<Space, StorageError> {
        Err(StorageError::SpaceNotFound)
    }
}

#[async_trait]
impl Revocations for Stored {
    async fn revoke(&self, _: &AdminGrant, _: Cid) -> Result<(), StorageError> {
        Err(StorageError::SpaceNotFound)
    }

    async fn is_revoked(&self, _: SpaceId, _: Cid) -> Result<bool, StorageError> {
        Ok(false)
    }

    async fn any_revoked(&self, _: SpaceId, _: &[Cid]) -> Result<bool, StorageError> {
        Ok(false)
    }

    async fn revoked_among(&self, _: &[(SpaceId, Cid)]) -> Result<Vec<(SpaceId, Cid)>, StorageError> {
        Ok(Vec::new())
    }
}

fn stored(id: SpaceId, at: u64) -> Space {
    Space {
        id,
        client_id: "client".to_owned(),
        kind: SpaceKind::Personal,
        cursor: cursor(at),
        key_generation: Epoch::new(3).unwrap(),
        min_key_generation: Epoch::FIRST,
        rewrap_epoch: None,
        home_server: None,
    }
}

/// Runs the position check until `test` completes.
async fn checked(broker: &Arc<Broker>, stored: &Arc<Stored>, test: impl Future<Output = ()>) {
    let check = PositionCheck {
        broker: broker.clone(),
        spaces: stored.clone(),
        revocations: stored.clone(),
        clock: Arc::new(TokioClock),
        random: Arc::new(|| 1 << 127),
        interval: Duration::from_secs(25),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let test = async {
        test.await;
        stop.send(()).unwrap();
    };
    tokio::join!(check.run(async { stopped.await.unwrap() }), test);
}

async fn next(client: &Client) -> Received {
    poll_fn(|cx| client.outbox.poll_ready(cx)).await;
    client.received().remove(0)
}

#[tokio::test(start_paused = true)]
async fn lost_event_is_detected_by_the_next_one_and_repaired_after_a_second() {
    let (broker, [subscriber]) = subscribed_clients();
    let stored = Arc::new(Stored::default());
    let before = Instant::now();
    checked(&broker, &stored, async {
        push(&broker, HERE, 7);
        assert_eq!(next(&subscriber).await, Received::Hint(7));
        assert!(before.elapsed() >= Duration::from_secs(1));
        assert!(before.elapsed() < Duration::from_secs(3));
        push(&broker, HERE, 8);
        assert_eq!(subscriber.received(), [Received::Sync(7, 8)]);
    })
    .await;
    assert_eq!(broker.metrics().repairs.get(), 1);
    assert_eq!(stored.looks.load(Ordering::Relaxed), 0, "storage was not queried");
}

#[tokio::test(start_paused = true)]
async fn every_gap_is_detected_not_only_the_first() {
    let (broker, [subscriber]) = subscribed_clients();
    checked(&broker, &Arc::default(), async {
        for lost in [6, 8, 10] {
            let before = Instant::now();
            push(&broker, HERE, lost + 1);
            assert_eq!(next(&subscriber).await, Received::Hint(lost + 1));
            assert!(before.elapsed() < Duration::from_secs(3));
        }
    })
    .await;
    assert_eq!(broker.metrics().repairs.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn lost_event_without_a_successor_is_found_in_storage() {
    let (broker, [subscriber]) = subscribed_clients();
    let elsewhere = Client::new(9);
    elsewhere.subscribe(&broker, THERE, 3);
    let stored = Arc::new(Stored::default());
    stored.cursors.lock().extend([(HERE, 6), (THERE, 3)]);
    let before = Instant::now();
    checked(&broker, &stored, async {
        assert_eq!(next(&subscriber).await, Received::Hint(6));
        assert!(before.elapsed() <= Duration::from_secs(32), "{:?}", before.elapsed());
    })
    .await;
    assert_eq!(elsewhere.received(), []);
    assert_eq!(broker.metrics().repairs.get(), 1);
    assert_eq!(broker.delivered_cursors().into_iter().collect::<HashMap<_, _>>()[&HERE], cursor(6));
}

#[tokio::test(start_paused = true)]
async fn late_event_is_not_repaired() {
    let (broker, [subscriber]) = subscribed_clients();
    let stored = Arc::new(Stored::default());
    checked(&broker, &stored, async {
        push(&broker, HERE, 7);
        tokio::time::sleep(Duration::from_millis(900)).await;
        push(&broker, HERE, 6);
        tokio::time::sleep(Duration::from_mins(1)).await;
    })
    .await;
    assert_eq!(subscriber.received(), [Received::Sync(5, 6), Received::Sync(6, 7)]);
    assert_eq!(broker.metrics().repairs.get(), 0);
    assert!(stored.looks.load(Ordering::Relaxed) >= 2, "the comparison goes on");
}

#[tokio::test(start_paused = true)]
async fn state_newer_than_the_delivered_cursor_is_a_gap() {
    let (broker, [subscriber]) = subscribed_clients();
    let stored = Arc::new(Stored::default());
    checked(&broker, &stored, async {
        Client::new(9).subscribe(&broker, HERE, 6);
        assert_eq!(next(&subscriber).await, Received::Hint(6));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn failed_comparison_is_retried_soon() {
    let (broker, [subscriber]) = subscribed_clients();
    let stored = Arc::new(Stored::default());
    stored.cursors.lock().insert(HERE, 6);
    stored.failing.store(true, Ordering::Relaxed);
    let before = Instant::now();
    checked(&broker, &stored, async {
        assert_eq!(next(&subscriber).await, Received::Hint(6));
        assert!(before.elapsed() <= Duration::from_secs(37), "{:?}", before.elapsed());
    })
    .await;
    assert_eq!(broker.metrics().position_check_failures.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn comparison_queries_a_thousand_spaces_at_a_time() {
    let broker = broker();
    let subscriber = Client::new(1);
    let stored = Arc::new(Stored::default());
    for number in 0..2_500_u16 {
        let mut id = [7; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        subscriber.subscribe(&broker, SpaceId::from_bytes(id), 1);
    }
    checked(&broker, &stored, tokio::time::sleep(Duration::from_secs(31))).await;
    assert_eq!(stored.looks.load(Ordering::Relaxed), 3);
    assert_eq!(stored.largest.load(Ordering::Relaxed), 1000);
}
