//! Grants: proof of authorization. Storage operations take one, so a use case without authorization does not compile.
//!
//! A grant for a shared space carries the cids of its proof chain, and every operation on the space looks them up in its
//! transaction (storage T12). A committed revocation therefore applies to the next operation.

use less_sync_core::SpaceId;

use crate::{Flow, ProofChain, Space, SpaceKind, StorageError};

/// Basis of a grant: the space, and the chain of the caller if there is one.
#[derive(Clone, Debug)]
pub struct Access {
    space: SpaceId,
    chain: Option<ProofChain>,
    flow: Flow,
}

impl Access {
    /// The space.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The proof chain; `None` for a personal space, where the token is sufficient.
    #[must_use]
    pub fn chain(&self) -> Option<&ProofChain> {
        self.chain.as_ref()
    }

    /// The flow whose turn operations under this access take: that of the caller, or of the space where no caller is named.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Checks the kind of access: a chain for a space with a root key, none for one without. Does not check revocations.
    ///
    /// # Errors
    /// [`StorageError::SpaceKindMismatch`] (storage §3.2).
    pub fn check_kind<R>(&self, space: &Space) -> Result<(), StorageError<R>> {
        match (&space.kind, &self.chain) {
            (SpaceKind::Personal, None) | (SpaceKind::Shared { .. }, Some(_)) => Ok(()),
            (SpaceKind::Personal, Some(_)) | (SpaceKind::Shared { .. }, None) => {
                Err(StorageError::SpaceKindMismatch)
            }
        }
    }
}

macro_rules! grant {
    ($(#[$doc:meta])* $name:ident, $right:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(Access);

        impl $name {
            #[doc = concat!("Issues the right to ", $right, " the personal space `space` to its owner.")]
            #[must_use]
            pub fn issue(space: SpaceId) -> Self {
                Self(Access { space, chain: None, flow: Flow::of_space(space) })
            }

            #[doc = concat!("Issues the right to ", $right, " the shared space `space` to the holder of `chain`, unless")]
            /// a token of the chain was revoked: every storage operation looks that up.
            #[must_use]
            pub fn issue_shared(space: SpaceId, chain: ProofChain) -> Self {
                Self(Access { space, chain: Some(chain), flow: Flow::of_space(space) })
            }

            /// The same right, exercised in the turn of `flow`.
            #[must_use]
            pub fn in_flow(mut self, flow: Flow) -> Self {
                self.0.flow = flow;
                self
            }

            /// Space of the grant.
            #[must_use]
            pub fn space(&self) -> SpaceId {
                self.0.space
            }

            /// Basis of the grant.
            #[must_use]
            pub fn access(&self) -> &Access {
                &self.0
            }
        }
    };
}

grant! {
    /// The right to read one space. Made by the engine's authorizer only (see `clippy.toml`).
    ReadGrant, "read"
}

grant! {
    /// The right to write one space. Made by the engine's authorizer only (see `clippy.toml`).
    WriteGrant, "write"
}

grant! {
    /// Right to administer one space: its members and its keys (auth §10). Made by the engine's
    /// authorizer only (see `clippy.toml`).
    AdminGrant, "administer"
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "grants without a database")]
mod tests {
    use less_sync_core::{Cid, Cursor, Epoch};

    use super::*;

    fn space(kind: SpaceKind) -> Space {
        Space {
            id: SpaceId::from_bytes([1; 16]),
            client_id: "client".to_owned(),
            kind,
            cursor: Cursor::ZERO,
            key_generation: Epoch::FIRST,
            min_key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            home_server: None,
        }
    }

    #[test]
    fn token_opens_personal_spaces_and_a_chain_opens_shared_ones() {
        let chain = ProofChain::new(&[Cid::from_bytes([7; 32])]).unwrap();
        let personal = space(SpaceKind::Personal);
        let shared = space(SpaceKind::Shared { root_public_key: [2; 33] });
        let token = ReadGrant::issue(personal.id);
        let proof = ReadGrant::issue_shared(shared.id, chain);
        let check = |access: &Access, space: &Space| -> Result<(), StorageError> { access.check_kind(space) };
        check(token.access(), &personal).unwrap();
        check(proof.access(), &shared).unwrap();
        for rejected in [check(token.access(), &shared), check(proof.access(), &personal)] {
            assert!(matches!(rejected, Err(StorageError::SpaceKindMismatch)), "{rejected:?}");
        }
    }
}
