use less_sync_auth::ucan::{Grant, UcanKey};
use less_sync_core::{Did, Permission, limits};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

fn key(secret: u8) -> UcanKey {
    UcanKey::from_bytes(&[secret; 32]).unwrap()
}

fn grant(audience: &Did, nonce: u8) -> Grant<'_> {
    let expires_at = NOW.plus(Duration::from_hours(1));
    Grant { audience, permission: Permission::Write, space: SPACE, expires_at, nonce: [nonce; 16] }
}

fn expected<'a>(owner: &UcanKey, audience: &'a Did) -> Expectations<'a> {
    Expectations {
        audience: Audience::Caller(audience),
        permission: Permission::Read,
        space: SPACE,
        root_key: owner.root_key(),
    }
}

/// Verifications in as many slices as they take.
impl ChainCache {
    fn verified(
        &self,
        token: &str,
        expected: &Expectations<'_>,
        now: Timestamp,
    ) -> Result<Arc<VerifiedChain>, UcanError> {
        let key = match self.look_up(token, expected, now) {
            LookUp::Decided(result) => return result,
            LookUp::Missing(key) => key,
        };
        in_slices(|signatures| self.verify(&key, token, expected, now, signatures))
    }
}

fn in_slices<T>(mut verify: impl FnMut(&mut Signatures) -> T) -> T {
    let mut signatures = Signatures::default();
    loop {
        let result = verify(&mut signatures);
        if let Some(result) = signatures.finished(result) {
            return result;
        }
        signatures.next_slice();
    }
}

fn cached(chains: &ChainCache) -> usize {
    chains.shards.iter().map(|shard| shard.lock().len()).sum()
}

#[test]
fn chain_is_verified_once_and_checked_on_every_request() {
    let (owner, member) = (key(7), key(8));
    let token = owner.issue(&grant(member.did(), 1), None);
    let chains = ChainCache::default();
    let expected = expected(&owner, member.did());
    let first = chains.verified(&token, &expected, NOW).unwrap();
    let again = chains.verified(&token, &expected, NOW).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let checked = |expected: &Expectations<'_>, now| chains.verified(&token, expected, now).map(drop);
    let stranger = Expectations { audience: Audience::Caller(owner.did()), ..expected };
    assert_eq!(checked(&stranger, NOW), Err(UcanError::IdentityMismatch));
    let admin = Expectations { permission: Permission::Admin, ..expected };
    assert_eq!(checked(&admin, NOW), Err(UcanError::AttenuationViolation));
    assert_eq!(cached(&chains), 1);
}

/// Also within the lifetime of the cache entry.
#[test]
fn cached_chain_expires_with_its_tokens() {
    let (owner, member) = (key(7), key(8));
    let last = NOW.plus(Duration::from_mins(1));
    let token = owner.issue(&Grant { expires_at: last, ..grant(member.did(), 1) }, None);
    let chains = ChainCache::default();
    let checked = |now| chains.verified(&token, &expected(&owner, member.did()), now).map(drop);
    assert_eq!(checked(NOW), Ok(()));
    assert_eq!(checked(last), Ok(()));
    assert_eq!(checked(last.plus(Duration::from_secs(1))), Err(UcanError::Expired));
}

#[test]
fn cached_chain_expires_after_ten_minutes_and_when_the_clock_goes_back() {
    let (owner, member) = (key(7), key(8));
    let token = owner.issue(&grant(member.did(), 1), None);
    let chains = ChainCache::default();
    let at = |now| chains.verified(&token, &expected(&owner, member.did()), now).unwrap();
    let first = at(NOW);
    let just_before = at(NOW.plus(Duration::from_millis(10 * 60 * 1000 - 1)));
    assert!(Arc::ptr_eq(&first, &just_before), "a hit does not extend the lifetime");
    let second = at(NOW.plus(BOUNDS.lifetime));
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(!Arc::ptr_eq(&second, &at(NOW)));
    assert_eq!(cached(&chains), 1);
}

/// S-14: rejected chains are not cached, nor chains that are valid for another space or key.
#[test]
fn failures_are_not_cached() {
    let (owner, member) = (key(7), key(8));
    let token = owner.issue(&grant(member.did(), 1), None);
    let chains = ChainCache::default();
    let expected = expected(&owner, member.did());
    let rejected =
        |token: &str, expected: &Expectations<'_>| chains.verified(token, expected, NOW).unwrap_err();
    assert_eq!(rejected("a.b.c", &expected), InvalidUcan::Malformed.into());
    assert_eq!(rejected(&"a".repeat(MAX_UCAN_BYTES + 1), &expected), InvalidUcan::TooLong.into());
    let other_key = Expectations { root_key: member.root_key(), ..expected };
    assert_eq!(rejected(&token, &other_key), UcanError::RootMismatch);
    assert_eq!(cached(&chains), 0);
    chains.verified(&token, &expected, NOW).unwrap();
    assert_eq!(
        rejected(&token, &other_key),
        UcanError::RootMismatch,
        "a space that was created again has another key"
    );
    let other_space = Expectations { space: SpaceId::from_bytes([2; 16]), ..expected };
    assert_eq!(rejected(&token, &other_space), UcanError::ResourceMismatch);
    assert_eq!(cached(&chains), 1);
}

#[test]
fn chain_for_a_lost_space_is_verified_and_not_cached() {
    let (owner, member) = (key(7), key(8));
    let token = owner.issue(&grant(member.did(), 1), None);
    let chains = ChainCache::default();
    let checked = |did, space| {
        in_slices(|signatures| {
            chains.verify_to_own_root(&token, Audience::Caller(did), space, NOW, signatures)
        })
    };
    assert_eq!(checked(member.did(), SPACE), Ok(owner.root_key()));
    assert_eq!(checked(owner.did(), SPACE), Err(UcanError::IdentityMismatch));
    assert_eq!(checked(member.did(), SpaceId::from_bytes([2; 16])), Err(UcanError::ResourceMismatch));
    assert_eq!(cached(&chains), 0);
}

#[test]
fn memory_is_bounded_in_entries_and_bytes() {
    let owner = key(7);
    let chains = ChainCache::default();
    let did = Did::try_from("did").unwrap();
    let token = owner.issue(&grant(&did, 1), None);
    let chain = chains.verified(&token, &expected(&owner, &did), NOW).unwrap();
    let mut shard = Shard::new(BOUNDS);
    for number in 0..10_000_u32 {
        let mut key = ChainKey::new(&token, &expected(&owner, &did));
        key.text[..4].copy_from_slice(&number.to_be_bytes());
        shard.insert(key, Arc::clone(&chain), limits::NAME, NOW);
    }
    assert!(shard.len() <= 2 * BOUNDS.entries);
    assert!(shard.len() > BOUNDS.entries, "the bound in entries applies before the one in bytes");
}

#[test]
fn chains_are_spread_over_all_shards() {
    let owner = key(7);
    let chains = ChainCache::default();
    let mut used = std::collections::HashSet::new();
    for byte in 0..=u8::MAX {
        let mut key = ChainKey::new("", &expected(&owner, owner.did()));
        key.text[0] = byte;
        used.insert(std::ptr::from_ref(chains.shard(&key)));
    }
    assert_eq!(used.len(), SHARDS);
}

#[test]
fn many_threads_agree_on_many_chains() {
    let (owner, member, guest) = (key(7), key(8), key(9));
    let invitation = owner.issue(&grant(member.did(), 1), None);
    let tokens: Vec<_> =
        (0..8).map(|nonce| member.issue(&grant(guest.did(), nonce), Some(&invitation))).collect();
    let chains = ChainCache::default();
    let (good, bad) = (expected(&owner, guest.did()), expected(&owner, member.did()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for token in tokens.iter().cycle().take(200) {
                    assert_eq!(chains.verified(token, &good, NOW).unwrap().cids().len(), 4);
                    assert_eq!(chains.verified(token, &bad, NOW), Err(UcanError::IdentityMismatch));
                }
            });
        }
    });
    assert_eq!(cached(&chains), tokens.len());
}
