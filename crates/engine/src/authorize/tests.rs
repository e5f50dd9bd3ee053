use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use less_sync_auth::Scopes;
use less_sync_auth::ucan::{Grant, UcanKey};
use less_sync_core::wire::method::Method;
use less_sync_core::{ClientId, Cursor, Epoch, Timestamp};
use less_sync_storage::{OwnerHash, SpaceRejection, SpacesError, StorageError};

use super::*;
use crate::ports::Job;
use crate::test_caller;

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

/// Clock with a constant time.
struct FixedClock(Instant);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1000)
    }

    fn instant(&self) -> Instant {
        self.0
    }

    fn sleep_until(&self, _: Instant) -> Job {
        Box::pin(std::future::pending())
    }
}

/// Store with at most one space.
struct Rows {
    space: Option<Space>,
    reads: AtomicUsize,
    is_down: AtomicBool,
}

#[async_trait]
impl Spaces for Rows {
    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }

    async fn spaces(&self, ids: &[SpaceId]) -> Result<Vec<Space>, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable("down".into()));
        }
        Ok(self.space.iter().filter(|space| ids.contains(&space.id)).cloned().collect())
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
        id: SpaceId,
        _: &ClientId,
        _: Option<OwnerHash>,
    ) -> Result<Space, StorageError> {
        self.spaces(&[id]).await?.pop().ok_or(StorageError::SpaceKindMismatch)
    }
}

fn owner() -> UcanKey {
    UcanKey::from_bytes(&[1; 32]).unwrap()
}

fn shared(root_public_key: [u8; 33], home_server: Option<&str>) -> Space {
    Space {
        id: SPACE,
        client_id: "client".into(),
        kind: SpaceKind::Shared { root_public_key },
        cursor: Cursor::ZERO,
        key_generation: Epoch::FIRST,
        min_key_generation: Epoch::FIRST,
        rewrap_epoch: None,
        home_server: home_server.map(str::to_owned),
    }
}

fn here() -> Space {
    shared(*owner().root_key().as_bytes(), None)
}

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
fn authorizer(space: Option<Space>) -> (Authorizer, Arc<Rows>) {
    let rows = Arc::new(Rows { space, reads: AtomicUsize::new(0), is_down: AtomicBool::new(false) });
    let clock = Arc::new(FixedClock(Instant::now()));
    (Authorizer::new(rows.clone(), clock, Owners::default(), Arc::new(crate::LocalOnly)), rows)
}

fn caller(personal_space: Option<SpaceId>) -> Caller {
    let (scopes, did) = (Scopes::new("sync"), Some(owner().did().clone()));
    Caller { scopes, did, personal_space, ..test_caller::caller("user") }
}

fn token(permission: Permission) -> String {
    let audience = owner();
    let expires_at = Timestamp::from_seconds(1500);
    let grant = Grant { audience: audience.did(), permission, space: SPACE, expires_at, nonce: [1; 16] };
    owner().issue(&grant, None)
}

async fn admit(gate: &Authorizer, method: Method, ucan: Option<&str>) -> Result<Admission, EngineError> {
    let caller = caller(None);
    gate.admit(
        method,
        Credentials { presenter: (&caller).into(), ucan, home: None, token: None, failed: None },
        SPACE,
    )
    .await
}

#[tokio::test]
async fn shared_space_is_looked_up_once() {
    let (gate, rows) = authorizer(Some(here()));
    let token = token(Permission::Write);
    for _ in 0..10 {
        let admission = admit(&gate, Method::Push, Some(&token)).await.unwrap();
        assert_eq!(admission.writing().unwrap().space(), SPACE);
    }
    assert_eq!(rows.reads.load(Ordering::Relaxed), 1);
}

/// A grant covers the permission that the method requires, even if the chain allows more.
#[tokio::test]
async fn admission_grants_no_more_than_the_method_requires() {
    let (gate, _) = authorizer(Some(here()));
    let admission = admit(&gate, Method::Pull, Some(&token(Permission::Admin))).await.unwrap();
    assert!(admission.reading().is_ok());
    assert!(matches!(admission.writing(), Err(EngineError::Forbidden(_))));
    assert!(matches!(admission.administering(), Err(EngineError::Forbidden(_))));
    assert_eq!(admission.permission(), Permission::Admin);
}

#[tokio::test]
async fn grant_carries_both_cids_of_every_token() {
    let (gate, _) = authorizer(Some(here()));
    let admission = admit(&gate, Method::Pull, Some(&token(Permission::Read))).await.unwrap();
    let grant = admission.reading().unwrap();
    assert_eq!(grant.access().chain().unwrap().cids(), admission.chain().unwrap().cids());
    assert_eq!(grant.access().chain().unwrap().cids().len(), 2);
}

/// Federation RT-4: only members learn that the space is remote. Routes change, so the space is looked up each time.
#[tokio::test]
async fn remote_space_is_unavailable_to_its_members_and_forbidden_to_others() {
    let (gate, rows) = authorizer(Some(shared(*owner().root_key().as_bytes(), Some("home.example"))));
    for _ in 0..2 {
        let member = admit(&gate, Method::Pull, Some(&token(Permission::Read))).await;
        assert!(matches!(member, Err(EngineError::HomeUnavailable)));
    }
    assert!(matches!(admit(&gate, Method::Pull, None).await, Err(EngineError::Forbidden(_))));
    assert_eq!(rows.reads.load(Ordering::Relaxed), 3);
}

/// D-29: not even of a caller who would be rejected otherwise.
#[tokio::test]
async fn outage_of_the_store_is_no_rejection() {
    let (gate, rows) = authorizer(Some(here()));
    rows.is_down.store(true, Ordering::Relaxed);
    let token = token(Permission::Read);
    for ucan in [Some(token.as_str()), Some("no chain"), None] {
        let result = admit(&gate, Method::Pull, ucan).await;
        assert!(matches!(result, Err(EngineError::Storage(StorageError::Unavailable(_)))), "{result:?}");
    }
}

/// A database of the original may contain 33 bytes that are not a point.
#[tokio::test]
async fn space_with_an_invalid_root_key_is_forbidden() {
    let (gate, _) = authorizer(Some(shared([0xff; 33], None)));
    let result = admit(&gate, Method::Pull, Some(&token(Permission::Admin))).await;
    assert!(matches!(result, Err(EngineError::Forbidden(_))));
}

#[tokio::test]
async fn unknown_space_is_reported_to_the_holder_of_a_chain_and_is_not_cached() {
    let (gate, rows) = authorizer(None);
    let token = token(Permission::Read);
    assert!(matches!(admit(&gate, Method::Pull, Some(&token)).await, Err(EngineError::UnknownSpace)));
    assert!(matches!(admit(&gate, Method::Pull, None).await, Err(EngineError::Forbidden(_))));
    assert_eq!(rows.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn method_without_an_access_level_for_spaces_is_forbidden() {
    let (gate, rows) = authorizer(Some(here()));
    for method in [Method::PresenceSet, Method::SpaceCreate, Method::InvitationList] {
        let result = admit(&gate, method, Some(&token(Permission::Admin))).await;
        assert!(matches!(result, Err(EngineError::Forbidden(_))), "{method:?}");
    }
    assert_eq!(rows.reads.load(Ordering::Relaxed), 0);
}

/// Auth §4.1 rules 1 and 2.
#[tokio::test]
async fn own_space_is_touched_once_and_requires_no_chain() {
    let personal = Space { kind: SpaceKind::Personal, ..here() };
    let (gate, rows) = authorizer(Some(personal));
    let caller = caller(Some(SPACE));
    for _ in 0..10 {
        let credentials = Credentials {
            presenter: (&caller).into(),
            ucan: Some("ignored"),
            home: None,
            token: None,
            failed: None,
        };
        let admission = gate.admit(Method::MembershipRevoke, credentials, SPACE).await.unwrap();
        assert!(admission.administering().unwrap().access().chain().is_none());
    }
    assert_eq!(rows.reads.load(Ordering::Relaxed), 1);
}
