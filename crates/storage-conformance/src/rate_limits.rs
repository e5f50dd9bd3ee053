//! Rate limits.

use std::time::Duration;

use crate::fixture::Fixture;
use crate::{Backend, PageLimits};
use less_sync_storage::{
    ActorHash, Permit, RateAction, RateLimit, RateLimitError, RateLimitRejection, RateLimits as _,
    StorageError,
};

const HOUR: Duration = Duration::from_hours(1);
const LIMIT: RateLimit = RateLimit { actions: 3, window: HOUR };

fn actor(number: u8) -> ActorHash {
    ActorHash::from_bytes([number; 32])
}

fn retry_after(rejected: Result<Permit, RateLimitError>) -> Duration {
    match rejected {
        Err(StorageError::Rejected(RateLimitRejection::Exceeded { retry_after })) => retry_after,
        other => panic!("{other:?}"),
    }
}

/// "count, other actor, purge": every action and every actor is counted separately. P17.
pub async fn actions_are_counted_by_actor_and_kind<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    for action in RateAction::ALL {
        for number in 1..=2 {
            for taken in 0..3 {
                let counted = fixture.store.count_actions(action, actor(number), HOUR).await.unwrap();
                assert_eq!(counted, taken);
                let permit = fixture.store.acquire(action, actor(number), LIMIT).await.unwrap();
                assert_eq!(permit.actor, actor(number));
            }
            retry_after(fixture.store.acquire(action, actor(number), LIMIT).await);
            assert_eq!(fixture.store.count_actions(action, actor(number), HOUR).await.unwrap(), 3);
        }
    }
    fixture.reopen(PageLimits::default()).await;
    retry_after(fixture.store.acquire(RateAction::SpaceCreate, actor(1), LIMIT).await);
    assert_eq!(fixture.store.purge_actions(HOUR, 100).await.unwrap(), 0);
    fixture.backend.let_time_pass(HOUR + Duration::from_secs(1)).await;
    assert_eq!(fixture.store.purge_actions(HOUR, 100).await.unwrap(), 18);
    fixture.end().await;
}

/// An action that failed gives its permit back, once.
pub async fn released_permit_does_not_count<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let acquire = || fixture.store.acquire(RateAction::Invitation, actor(1), LIMIT);
    let permits = [acquire().await.unwrap(), acquire().await.unwrap(), acquire().await.unwrap()];
    retry_after(acquire().await);
    for _ in 0..3 {
        fixture.store.release(permits[1].clone()).await.unwrap();
    }
    drop(acquire().await.unwrap());
    retry_after(acquire().await);
    let strange = Permit { actor: actor(2), ..permits[0].clone() };
    fixture.store.release(strange).await.unwrap();
    retry_after(acquire().await);
    fixture.end().await;
}

/// The window slides: an action is free again when it is as old as the window, and the rejection states that time.
pub async fn window_slides<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let acquire = || fixture.store.acquire(RateAction::MembershipAppend, actor(1), LIMIT);
    for _ in 0..3 {
        drop(acquire().await.unwrap());
        fixture.backend.let_time_pass(HOUR / 6).await;
    }
    // The oldest is half an hour old.
    let wait = retry_after(acquire().await);
    assert!(wait <= HOUR / 2 && wait > Duration::from_mins(29), "{wait:?}");
    fixture.backend.let_time_pass(wait.saturating_sub(Duration::from_secs(5))).await;
    assert!(retry_after(acquire().await) <= Duration::from_secs(5));
    fixture.backend.let_time_pass(Duration::from_secs(5)).await;
    drop(acquire().await.unwrap());
    let wait = retry_after(acquire().await);
    assert!(wait < Duration::from_mins(11) && wait > Duration::from_mins(9), "{wait:?}");
    let counted =
        fixture.store.count_actions(RateAction::MembershipAppend, actor(1), HOUR / 3).await.unwrap();
    assert_eq!(counted, 1);
    fixture.end().await;
}

/// A reported wait is at least a second.
pub async fn wait_is_at_least_a_second<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let act = |limit: RateLimit| fixture.store.acquire(RateAction::Invitation, actor(1), limit);
    let none = RateLimit { actions: 0, window: HOUR };
    let wait = retry_after(act(none).await);
    assert!(wait >= Duration::from_secs(1) && wait <= HOUR, "{wait:?}");
    let one = RateLimit { actions: 1, window: HOUR };
    drop(act(one).await.unwrap());
    fixture.backend.let_time_pass(Duration::from_mins(59)).await;
    let short = RateLimit { window: Duration::from_secs(59 * 60 + 1), ..one };
    match act(short).await {
        Err(StorageError::Rejected(RateLimitRejection::Exceeded { retry_after })) => {
            assert_eq!(retry_after, Duration::from_secs(1));
        }
        // A slow machine: the action has left the window meanwhile.
        Ok(_) => {}
        other @ Err(_) => panic!("{other:?}"),
    }
    fixture.end().await;
}

/// Storage §3.18: a purge removes the oldest first, up to its limit.
pub async fn purge_of_actions_works_in_batches<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let wide = RateLimit { actions: 100, window: 24 * HOUR };
    for number in 0..25 {
        let action = RateAction::ALL[usize::from(number % 3)];
        fixture.store.acquire(action, actor(number % 5), wide).await.map(drop).unwrap();
    }
    fixture.backend.let_time_pass(HOUR + Duration::from_secs(1)).await;
    let young = fixture.store.acquire(RateAction::Invitation, actor(9), wide).await.unwrap();
    for expected in [10, 10, 5, 0] {
        assert_eq!(fixture.store.purge_actions(HOUR, 10).await.unwrap(), expected);
    }
    assert_eq!(fixture.store.count_actions(RateAction::Invitation, young.actor, HOUR).await.unwrap(), 1);
    fixture.end().await;
}
