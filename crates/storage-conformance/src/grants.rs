//! Grants, made where the authorizer would make them.

#![expect(clippy::disallowed_methods, reason = "the suite stands where the authorizer does")]

use less_sync_core::{Cid, SpaceId};

use less_sync_storage::{AdminGrant, ProofChain, ReadGrant, WriteGrant};

/// A grant of some kind.
pub(crate) trait Grant: Sized {
    fn personal(space: SpaceId) -> Self;
    fn shared(space: SpaceId, chain: ProofChain) -> Self;
}

macro_rules! grants {
    ($($grant:ty)*) => {$(
        impl Grant for $grant {
            fn personal(space: SpaceId) -> Self {
                Self::issue(space)
            }

            fn shared(space: SpaceId, chain: ProofChain) -> Self {
                Self::issue_shared(space, chain)
            }
        }
    )*};
}

grants! { ReadGrant WriteGrant AdminGrant }

/// The right of the owner of a personal space to read it.
pub(crate) fn read(space: SpaceId) -> ReadGrant {
    Grant::personal(space)
}

/// The right of the owner of a personal space to write it.
pub(crate) fn write(space: SpaceId) -> WriteGrant {
    Grant::personal(space)
}

/// The cid with this number.
pub(crate) fn cid(number: u8) -> Cid {
    Cid::from_bytes([number; 32])
}

/// A chain of these tokens.
pub(crate) fn chain(numbers: &[u8]) -> ProofChain {
    let cids: Vec<Cid> = numbers.iter().copied().map(cid).collect();
    ProofChain::new(&cids).unwrap()
}

/// Default chain of tests for shared spaces; never revoked.
pub(crate) fn owner() -> ProofChain {
    chain(&[250, 251])
}
