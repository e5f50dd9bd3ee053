//! Home servers of spaces, and stub rows (federation RT-3, RT-6, RT-7, ST-1 to ST-3).

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::Cursor;
use less_sync_storage::{
    HomeRouteError, HomeRouteRejection, HomeRoutes as _, HomeServer, NewStub, PURGED_HOME, Purge as _,
    SpaceKind, Spaces as _, StorageError, StubOutcome,
};
use tokio::task::JoinSet;

use crate::fixture::{CLIENT, Fixture, ROOT, live, record, space};
use crate::{Arrangement, Backend};

const DAY: Duration = Duration::from_hours(24);

fn home(address: &str) -> HomeServer {
    address.parse().unwrap()
}

fn stub(number: u8, address: &str) -> NewStub {
    NewStub { id: space(number), client_id: CLIENT.clone(), root_public_key: ROOT, home: home(address) }
}

fn rejection(outcome: Result<(), HomeRouteError>) -> HomeRouteRejection {
    outcome.unwrap_err().rejection().unwrap()
}

/// T-507: the address is stored as given, and a missing space is an error.
pub async fn home_server_round_trips_and_needs_a_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (store, id) = (&fixture.store, fixture.shared(1).await);
    assert_eq!(store.home_server(id).await.unwrap(), None);
    for address in ["https://B.example:8443/x", "b.example"] {
        store.set_home_server(id, Some(&home(address)), false).await.unwrap();
        store.set_home_server(id, Some(&home(address)), false).await.unwrap();
        assert_eq!(store.home_server(id).await.unwrap().as_deref(), Some(address));
        assert_eq!(fixture.space(id).await.home_server.as_deref(), Some(address));
    }
    store.set_home_server(id, None, false).await.unwrap();
    assert_eq!(store.home_server(id).await.unwrap(), None);
    assert!(matches!(store.home_server(space(9)).await, Err(StorageError::SpaceNotFound)));
    let unknown = store.set_home_server(space(9), None, true).await;
    assert!(matches!(unknown, Err(StorageError::SpaceNotFound)), "{unknown:?}");
    fixture.end().await;
}

/// ST-2: a space with rows of any kind changes its home by force only.
pub async fn home_server_of_a_space_with_rows_is_set_by_force_only<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store = &fixture.store;
    let (records, members) = (fixture.shared(1).await, fixture.shared(2).await);
    fixture.commit(records, vec![live(record(1), Cursor::ZERO, b"a")]).await;
    fixture.append(members, b"entry").await;
    for id in [records, members] {
        let set = store.set_home_server(id, Some(&home("b.example")), false).await;
        assert_eq!(rejection(set), HomeRouteRejection::NotEmpty);
        assert_eq!(store.home_server(id).await.unwrap(), None);
        store.set_home_server(id, Some(&home("b.example")), true).await.unwrap();
        assert_eq!(rejection(store.delete_stub(id).await), HomeRouteRejection::NotEmpty);
        store.set_home_server(id, None, true).await.unwrap();
    }
    fixture.end().await;
}

/// RT-3: concurrent creations make one row, which all others get.
pub async fn stub_is_created_once<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&fixture.store);
        let stub = stub(1, &format!("h{number}.example"));
        tasks.spawn(async move { (stub.home.clone(), store.create_stub(&stub).await.unwrap()) });
    }
    let outcomes = tasks.join_all().await;
    let stored = fixture.space(space(1)).await;
    assert_eq!((&stored.kind, stored.cursor), (&SpaceKind::Shared { root_public_key: ROOT }, Cursor::ZERO));
    let mut created = 0;
    for (home, outcome) in outcomes {
        match outcome {
            StubOutcome::Created => {
                created += 1;
                assert_eq!(stored.home_server.as_deref(), Some(home.as_str()));
            }
            StubOutcome::Exists(existing) => assert_eq!(existing, stored),
        }
    }
    assert_eq!(created, 1);
    fixture.end().await;
}

/// ST-3, RT-3: creation never sets a home, and a stub replaces no local space.
pub async fn stub_does_not_replace_a_local_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let id = fixture.shared(1).await;
    let local = fixture.space(id).await;
    assert_eq!(local.home_server, None);
    assert_eq!(
        fixture.store.create_stub(&stub(1, "b.example")).await.unwrap(),
        StubOutcome::Exists(local.clone())
    );
    assert_eq!(fixture.space(id).await, local);
    fixture.end().await;
}

/// RT-7: the route of a remote space can be deleted, a local space cannot.
pub async fn only_stubs_are_deleted_as_such<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (store, local) = (&fixture.store, fixture.shared(2).await);
    store.create_stub(&stub(1, "b.example")).await.unwrap();
    store.delete_stub(space(1)).await.unwrap();
    assert!(matches!(store.delete_stub(space(1)).await, Err(StorageError::SpaceNotFound)));
    assert_eq!(rejection(store.delete_stub(local).await), HomeRouteRejection::NotRemote);
    assert_eq!(store.spaces(&[space(1), local]).await.unwrap().len(), 1);
    fixture.end().await;
}

/// RT-6: stubs end after their idle time, unless there is interest or a row; local spaces and those under removal stay.
pub async fn idle_stubs_are_deleted<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store = &fixture.store;
    for number in 1..=4 {
        store.create_stub(&stub(number, "b.example")).await.unwrap();
    }
    let (local, filled) = (fixture.shared(5).await, fixture.shared(6).await);
    fixture.commit(filled, vec![live(record(1), Cursor::ZERO, b"a")]).await;
    store.set_home_server(filled, Some(&home("b.example")), true).await.unwrap();
    fixture.arrange(space(4), Arrangement::HomeServer(PURGED_HOME.to_owned())).await;
    fixture.backend.let_time_pass(90 * DAY).await;
    store.note_interest(&[space(1), local, space(99)]).await.unwrap();
    assert_eq!(store.delete_idle_stubs(91 * DAY, 10).await.unwrap(), 0);
    assert_eq!(store.delete_idle_stubs(90 * DAY, 1).await.unwrap(), 1);
    assert_eq!(store.delete_idle_stubs(90 * DAY, 10).await.unwrap(), 1);
    assert_eq!(store.delete_idle_stubs(90 * DAY, 10).await.unwrap(), 0);
    let left = store.spaces(&[space(1), space(2), space(3), space(4), local, filled]).await.unwrap();
    let mut left: Vec<_> = left.into_iter().map(|space| space.id).collect();
    left.sort_unstable();
    assert_eq!(left, [space(1), space(4), local, filled]);
    fixture.end().await;
}

/// A space under removal has no route, and none can be given to it.
pub async fn space_under_removal_has_no_route<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (store, id) = (&fixture.store, fixture.shared(1).await);
    fixture.arrange(id, Arrangement::HomeServer(PURGED_HOME.to_owned())).await;
    assert!(matches!(store.home_server(id).await, Err(StorageError::SpaceNotFound)));
    assert!(matches!(store.set_home_server(id, None, true).await, Err(StorageError::SpaceNotFound)));
    assert!(matches!(store.delete_stub(id).await, Err(StorageError::SpaceNotFound)));
    store.purge_step(id).await.unwrap();
    fixture.end().await;
}
