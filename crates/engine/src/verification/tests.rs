use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanError, UcanKey};
use less_sync_core::{Permission, SpaceId, Timestamp};

use super::*;
use crate::test_caller::caller;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

/// A chain of eight tokens, and the keys of its ends.
fn longest_chain() -> (String, UcanKey, UcanKey) {
    let keys: Vec<_> = (1..=9).map(|secret| UcanKey::from_bytes(&[secret; 32]).unwrap()).collect();
    let mut chain: Option<String> = None;
    for pair in keys.windows(2) {
        let grant = Grant {
            audience: pair[1].did(),
            permission: Permission::Write,
            space: SPACE,
            expires_at: NOW.plus(Duration::from_hours(1)),
            nonce: [1; 16],
        };
        chain = Some(pair[0].issue(&grant, chain.as_deref()));
    }
    let mut keys = keys.into_iter();
    (chain.unwrap(), keys.next().unwrap(), keys.last().unwrap())
}

fn verify(
    cache: &SignatureCache,
    signatures: &mut Signatures,
    (chain, root, member): &(String, UcanKey, UcanKey),
) -> Option<(Result<(), UcanError>, bool)> {
    let expected = Expectations {
        audience: Audience::Caller(member.did()),
        permission: Permission::Read,
        space: SPACE,
        root_key: root.root_key(),
    };
    let check = |key: &_, signed: &[u8], signature: &[u8]| signatures.verifies(cache, key, signed, signature);
    let result = ucan::verify_by(check, chain, &expected, NOW).map(drop);
    signatures.finished((result, signatures.has_computed()))
}

#[tokio::test]
async fn verification_yields_after_every_two_signatures() {
    let (cache, chain, turns) = (SignatureCache::default(), longest_chain(), Turns::new(1));
    let slices = Cell::new(0);
    let alice = caller("alice");
    let verifying = turns.run(&alice, |signatures| {
        slices.set(slices.get() + 1);
        verify(&cache, signatures, &chain)
    });
    let mut verifying = pin!(verifying);
    assert!((&mut verifying).now_or_never().is_none());
    assert_eq!(slices.get(), 1);
    assert_eq!(verifying.await, (Ok(()), true));
    assert_eq!(slices.get(), 4);
    // All signatures are cached now: nothing to yield for.
    let again = turns.run(&alice, |signatures| verify(&cache, signatures, &chain)).now_or_never();
    assert_eq!(again, Some((Ok(()), false)));
}

#[tokio::test]
async fn a_bad_signature_is_found_in_any_slice() {
    let (cache, mut chain, turns) = (SignatureCache::default(), longest_chain(), Turns::new(1));
    chain.1 = UcanKey::from_bytes(&[100; 32]).unwrap();
    let alice = caller("alice");
    let result = turns.run(&alice, |signatures| verify(&cache, signatures, &chain)).await;
    assert_eq!(result, (Err(UcanError::RootMismatch), true));
    let last = chain.0.pop().unwrap();
    chain.0.push(if last == 'A' { 'Q' } else { 'A' });
    let (result, _) = turns.run(&alice, |signatures| verify(&cache, signatures, &chain)).await;
    assert!(matches!(result, Err(UcanError::Invalid(_))), "{result:?}");
}

/// Ten connections of a user verify no more at once than one.
#[tokio::test]
async fn a_user_verifies_one_chain_at_a_time_and_others_go_ahead() {
    let (cache, chain, turns) = (SignatureCache::default(), longest_chain(), Turns::new(2));
    let (mallory, alice) = (caller("mallory"), caller("alice"));
    let mut first = pin!(turns.run(&mallory, |signatures| verify(&cache, signatures, &chain)));
    assert!((&mut first).now_or_never().is_none());
    let slices = Cell::new(0);
    let mut second = pin!(turns.run(&mallory, |_signatures| {
        slices.set(slices.get() + 1);
        Some(())
    }));
    assert!((&mut second).now_or_never().is_none());
    assert_eq!(slices.get(), 0);
    assert_eq!(turns.run(&alice, |_signatures| Some(())).now_or_never(), Some(()));
    assert!(first.await.0.is_ok());
    second.await;
    assert_eq!(slices.get(), 1);
}
