//! Proof that somebody was authorized: storage asks for it, so a use case that forgot does not compile.

use less_sync_core::SpaceId;

/// The right to read one space. Made by the engine's authorizer only (see `clippy.toml`).
#[derive(Clone, Debug)]
pub struct ReadGrant {
    space: SpaceId,
}

impl ReadGrant {
    /// Vouches that the caller may read `space`.
    #[must_use]
    pub fn vouch(space: SpaceId) -> Self {
        Self { space }
    }

    /// The space that may be read.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }
}

/// The right to write one space. Made by the engine's authorizer only (see `clippy.toml`).
#[derive(Clone, Debug)]
pub struct WriteGrant {
    space: SpaceId,
}

impl WriteGrant {
    /// Vouches that the caller may write `space`.
    #[must_use]
    pub fn vouch(space: SpaceId) -> Self {
        Self { space }
    }

    /// The space that may be written.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }
}
