//! The cids of a chain of UCANs.

use std::sync::Arc;

use less_sync_core::Cid;

/// No cid, or more than a chain can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chain has 1 to 16 cids")]
pub struct InvalidProofChain;

/// Both cids of every token of a chain (auth §6.5). Cheap to clone. The texts of cids are 64 bytes, well within the
/// 128 that a revocation may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofChain(Arc<[Cid]>);

impl ProofChain {
    /// Cids at most: eight tokens, two each (auth §6.3).
    pub const MAX_CIDS: usize = 16;

    /// The chain with these cids.
    ///
    /// # Errors
    /// [`InvalidProofChain`]: access without any proof is not shared access.
    pub fn new(cids: &[Cid]) -> Result<Self, InvalidProofChain> {
        if (1..=Self::MAX_CIDS).contains(&cids.len()) {
            Ok(Self(cids.into()))
        } else {
            Err(InvalidProofChain)
        }
    }

    /// The cids.
    #[must_use]
    pub fn cids(&self) -> &[Cid] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_has_one_to_sixteen_cids() {
        let cids = [Cid::from_bytes([1; 32]); 17];
        assert_eq!(ProofChain::new(&[]), Err(InvalidProofChain));
        for length in [1, 2, 16] {
            assert_eq!(ProofChain::new(&cids[..length]).unwrap().cids().len(), length);
        }
        assert_eq!(ProofChain::new(&cids), Err(InvalidProofChain));
    }
}
