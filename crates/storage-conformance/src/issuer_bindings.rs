//! Bindings of DIDs and mailboxes to issuers.

use std::sync::Arc;

use less_sync_core::{Did, MailboxId};
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::{Backend, PageLimits};
use less_sync_storage::{BindingKey, IssuerBindings as _, MAX_ISSUER_BYTES};

const A: &str = "https://a.example";
const B: &str = "https://b.example";

fn did(number: u32) -> BindingKey {
    BindingKey::of_did(&Did::of_key(&number.to_string()))
}

/// The first issuer keeps an id, a repeat changes nothing, and bindings outlast a restart.
pub async fn first_issuer_keeps_an_id<T: Backend>() {
    let mut fixture = Fixture::<T>::new().await;
    let mailbox = BindingKey::of_mailbox(MailboxId::from_bytes([7; 32]));
    for key in [did(1), mailbox] {
        assert_eq!(fixture.store.bind_issuer(key, A).await.unwrap(), A);
    }
    assert_eq!(fixture.store.bind_issuer(did(2), B).await.unwrap(), B);
    fixture.reopen(PageLimits::default()).await;
    for key in [did(1), mailbox] {
        assert_eq!(fixture.store.bind_issuer(key, B).await.unwrap(), A);
        assert_eq!(fixture.store.bind_issuer(key, A).await.unwrap(), A);
    }
    assert_eq!(fixture.store.bind_issuer(did(2), A).await.unwrap(), B);
    fixture.end().await;
}

/// A rebinding replaces the issuer of one id, bound or not.
pub async fn rebinding_replaces_the_issuer<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    let longest = "i".repeat(MAX_ISSUER_BYTES);
    for number in [1, 2] {
        fixture.store.bind_issuer(did(number), A).await.unwrap();
    }
    for key in [did(1), did(3)] {
        for issuer in [B, &longest, &longest] {
            fixture.store.rebind_issuer(key, issuer).await.unwrap();
            assert_eq!(fixture.store.bind_issuer(key, A).await.unwrap(), issuer);
        }
    }
    assert_eq!(fixture.store.bind_issuer(did(2), B).await.unwrap(), A);
    fixture.end().await;
}

/// Concurrent presentations of one id: one wins, and all callers agree on it.
pub async fn concurrent_bindings_agree<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    for round in 0..100 {
        let mut callers = JoinSet::new();
        for caller in 0..4 {
            let store = Arc::clone(&fixture.store);
            callers.spawn(async move {
                store.bind_issuer(did(round), &format!("https://{caller}.example")).await.unwrap()
            });
        }
        let mut bound = callers.join_all().await;
        bound.dedup();
        assert_eq!(bound.len(), 1, "{bound:?}");
    }
    fixture.end().await;
}
