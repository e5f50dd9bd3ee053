//! `space.create` (protocol §4.7).

use crate::Epoch;
use crate::cbor::{Required, map};

map! {
    /// The params of `space.create`.
    pub struct SpaceCreateParams<'b> {
        /// Any textual UUID form, but not of version 5.
        "id" => id: &'b str as Required,
        /// A compressed point on P-256, 33 bytes; anything else is a bad request.
        "root_public_key" => root_public_key: &'b [u8] as Required,
    }

    /// The result of `space.create`.
    pub struct SpaceCreateResult<'b> {
        /// The canonical id.
        "id" => id: &'b str as Required,
        /// 1.
        "key_generation" | "epoch" => key_generation: Epoch as Required,
    }
}
