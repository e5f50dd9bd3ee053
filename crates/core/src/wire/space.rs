//! `space.create` (protocol §4.7).

use crate::Epoch;
use crate::cbor::{Required, map};

map! {
    /// Params of `space.create`.
    pub struct SpaceCreateParams<'b> {
        /// Space id in any textual UUID form except version 5.
        "id" => id: &'b str as Required,
        /// Root public key: a compressed point on P-256, 33 bytes; anything else is a bad request.
        "root_public_key" => root_public_key: &'b [u8] as Required,
    }

    /// Result of `space.create`.
    pub struct SpaceCreateResult<'b> {
        /// Canonical space id.
        "id" => id: &'b str as Required,
        /// Constant 1.
        "key_generation" | "epoch" => key_generation: Epoch as Required,
    }
}
