//! Chains that nobody has seen before, and what their signatures alone cost.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use less_sync_auth::P256Key;
use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanKey};
use less_sync_core::{Permission, SpaceId, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

/// The chain of an owner and those after them, of whom each invited the next.
struct Chain {
    members: Vec<UcanKey>,
    token: String,
}

impl Chain {
    fn of(depth: u8) -> Option<Self> {
        let members: Vec<_> = (1..=depth + 1)
            .map(|secret| UcanKey::from_bytes(&[secret; 32]))
            .collect::<Result<_, _>>()
            .ok()?;
        let mut token: Option<String> = None;
        for (issuer, audience) in members.iter().zip(members.iter().skip(1)) {
            token = Some(issuer.issue(&grant(audience), token.as_deref()));
        }
        Some(Self { members, token: token? })
    }

    fn verify(&self, is_signature: impl FnMut(&P256Key, &[u8], &[u8]) -> bool) -> bool {
        let (Some(owner), Some(member)) = (self.members.first(), self.members.last()) else { return false };
        let expected = Expectations {
            audience: Audience::Caller(member.did()),
            permission: Permission::Write,
            space: SPACE,
            root_key: owner.root_key(),
        };
        ucan::verify_by(is_signature, black_box(&self.token), &expected, NOW).is_ok()
    }

    /// Signed parts of a chain: keys, texts and signatures, ready for verification.
    fn signatures(&self) -> Vec<(P256Key, Vec<u8>, Vec<u8>)> {
        let mut signatures = Vec::new();
        self.verify(|key, signed, signature| {
            signatures.push((key.clone(), signed.to_vec(), signature.to_vec()));
            true
        });
        signatures
    }
}

fn grant(audience: &UcanKey) -> Grant<'_> {
    Grant {
        audience: audience.did(),
        permission: Permission::Write,
        space: SPACE,
        expires_at: NOW,
        nonce: [1; 16],
    }
}

fn chains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ucan chain");
    for depth in [1, 3, 8] {
        let Some(chain) = Chain::of(depth) else { continue };
        assert!(chain.verify(P256Key::verifies));
        let signatures = chain.signatures();
        assert_eq!(signatures.len(), usize::from(depth));
        let raw = || signatures.iter().all(|(key, signed, signature)| key.verifies(signed, signature));
        group.bench_function(BenchmarkId::new("cold", depth), |b| b.iter(|| chain.verify(P256Key::verifies)));
        group.bench_function(BenchmarkId::new("signatures alone", depth), |b| b.iter(raw));
        group.bench_function(BenchmarkId::new("all but signatures", depth), |b| {
            b.iter(|| chain.verify(|_, _, _| true));
        });
    }
    group.finish();
}

criterion_group!(benches, chains);
criterion_main!(benches);
