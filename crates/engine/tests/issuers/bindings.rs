//! DIDs and mailboxes that belong to the issuer that first presented them (auth §2.7).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use less_sync_auth::did_proof::{Challenge, DidProof};
use less_sync_auth::ucan::UcanKey;
use less_sync_auth::{InvalidToken, TokenError};
use less_sync_core::MailboxId;
use less_sync_storage::{BindingKey, IssuerBindings, StorageError};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::harness::{A, B, Endpoint, Harness};
use crate::seconds;

const FOREIGN_DID: Result<(), TokenError> = Err(TokenError::Invalid(InvalidToken::ForeignDid));
const FOREIGN_MAILBOX: Result<(), TokenError> = Err(TokenError::Invalid(InvalidToken::ForeignMailbox));

#[derive(Default)]
struct Rows {
    bound: Mutex<HashMap<BindingKey, String>>,
    reads: AtomicUsize,
    is_down: AtomicBool,
}

#[async_trait]
impl IssuerBindings for Rows {
    async fn bind_issuer(&self, key: BindingKey, issuer: &str) -> Result<String, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable("down".into()));
        }
        Ok(self.bound.lock().entry(key).or_insert_with(|| issuer.to_owned()).clone())
    }

    async fn rebind_issuer(&self, key: BindingKey, issuer: &str) -> Result<(), StorageError> {
        self.bound.lock().insert(key, issuer.to_owned());
        Ok(())
    }
}

struct Fixture {
    harness: Harness,
    rows: Arc<Rows>,
}

impl Fixture {
    fn new() -> Self {
        let rows = Arc::new(Rows::default());
        let harness = Harness::gated(rows.clone());
        for issuer in [A, B] {
            harness.issuers.set(issuer, Endpoint::Serves(&["a"]));
        }
        Self { harness, rows }
    }

    async fn admits(&self, issuer: &str, claims: &Value) -> Result<(), TokenError> {
        self.harness.authenticator.authenticate(&self.harness.token_with(issuer, claims)).await.map(drop)
    }

    fn bound(&self) -> usize {
        self.rows.bound.lock().len()
    }
}

fn key() -> UcanKey {
    UcanKey::from_bytes(&[7; 32]).unwrap()
}

fn mailbox() -> MailboxId {
    MailboxId::from_bytes([0x5e; 32])
}

fn did() -> Value {
    json!({ "did": key().did().as_str() })
}

fn both() -> Value {
    json!({ "did": key().did().as_str(), "mailbox_id": mailbox().to_hex() })
}

#[tokio::test]
async fn first_issuer_keeps_did_and_mailbox() {
    let fixture = Fixture::new();
    assert_eq!(fixture.admits(A, &both()).await, Ok(()));
    assert_eq!(fixture.admits(B, &both()).await, FOREIGN_DID);
    assert_eq!(fixture.admits(B, &json!({ "mailbox_id": mailbox().to_hex() })).await, FOREIGN_MAILBOX);
    assert_eq!(fixture.admits(B, &json!({})).await, Ok(()));
    assert_eq!(fixture.admits(A, &both()).await, Ok(()));
    assert_eq!(fixture.bound(), 2);
}

/// A rejected token binds nothing: neither one that does not verify, nor the mailbox beside a foreign DID.
#[tokio::test]
async fn rejected_token_binds_nothing() {
    let fixture = Fixture::new();
    assert!(fixture.admits(A, &json!({ "did": "did", "exp": 1 })).await.is_err());
    assert_eq!(fixture.bound(), 0);
    fixture.admits(A, &did()).await.unwrap();
    assert_eq!(fixture.admits(B, &both()).await, FOREIGN_DID);
    assert_eq!(fixture.bound(), 1);
}

#[tokio::test]
async fn own_bindings_are_cached_for_a_minute() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        fixture.admits(A, &both()).await.unwrap();
    }
    assert_eq!(fixture.rows.reads.load(Ordering::Relaxed), 2);
    fixture.rows.bound.lock().values_mut().for_each(|issuer| B.clone_into(issuer));
    assert_eq!(fixture.admits(B, &both()).await, Ok(()));
    fixture.harness.advance(seconds(60)).await;
    assert_eq!(fixture.admits(A, &both()).await, FOREIGN_DID);
}

#[tokio::test]
async fn outage_is_no_verdict() {
    let fixture = Fixture::new();
    fixture.rows.is_down.store(true, Ordering::Relaxed);
    assert_eq!(fixture.admits(A, &did()).await, Err(TokenError::BindingUnavailable));
    assert_eq!(fixture.admits(A, &json!({})).await, Ok(()));
}

#[tokio::test]
async fn proof_of_the_key_moves_a_did_and_no_mailbox() {
    let fixture = Fixture::new();
    fixture.admits(B, &did()).await.unwrap();
    let (challenge, token) = (Challenge::from_bytes([1; 32]), fixture.harness.token_with(A, &both()));
    let proven = async |signed: &str| {
        let signature = key().prove(&challenge, signed);
        let proof = DidProof { challenge: &challenge, signature: &signature };
        fixture.harness.authenticator.authenticate_with(&token, Some(proof)).await.map(drop)
    };
    assert_eq!(proven("another token").await, FOREIGN_DID);
    assert_eq!(proven(&token).await, Ok(()));
    assert_eq!(fixture.admits(A, &both()).await, Ok(()));
    assert_eq!(fixture.admits(B, &did()).await, FOREIGN_DID);
    fixture.rows.rebind_issuer(BindingKey::of_mailbox(mailbox()), B).await.unwrap();
    fixture.harness.advance(seconds(60)).await;
    assert_eq!(proven(&token).await, FOREIGN_MAILBOX);
}
