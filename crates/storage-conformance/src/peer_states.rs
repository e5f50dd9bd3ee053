//! Peers in quarantine (federation AD-12).

use std::time::Duration;

use less_sync_core::PeerId;
use less_sync_storage::PeerStates as _;

use crate::fixture::Fixture;
use crate::{Backend, PageLimits};

/// A quarantine outlasts a restart, ends with its time or by the operator, and a repeat replaces it.
pub async fn quarantine_lasts_until_its_end<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let [a, b]: [PeerId; 2] = ["a.example", "::1"].map(|name| name.parse().unwrap());
    let hour = Duration::from_hours(1);
    fixture.store.quarantine_peer(&a, "first", None).await.unwrap();
    fixture.store.quarantine_peer(&a, "second", Some(hour)).await.unwrap();
    fixture.store.quarantine_peer(&b, "third", None).await.unwrap();
    fixture.reopen(PageLimits::default()).await;
    let store = &fixture.store;
    let states = store.quarantined_peers().await.unwrap();
    let shown: Vec<_> =
        states.iter().map(|state| (&state.peer, &*state.reason, state.until.is_some())).collect();
    assert_eq!(shown, [(&b, "third", false), (&a, "second", true)]);
    fixture.backend.let_time_pass(hour).await;
    assert_eq!(store.quarantined_peers().await.unwrap().len(), 1);
    assert!(store.release_peer(&b).await.unwrap());
    assert!(!store.release_peer(&b).await.unwrap());
    assert_eq!(store.quarantined_peers().await.unwrap(), []);
    fixture.end().await;
}
