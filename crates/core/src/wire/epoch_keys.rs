//! `epochKeys.put` and `epochKeys.get` (newer-clients §4.1).

use crate::cbor::{Bounded, NonEmpty, Required, map};
use crate::limits;

map! {
    /// The params of `epochKeys.put`.
    pub struct EpochKeysPutParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`] bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// The epoch of the shared key.
        "epoch" => epoch: i32 as Required,
        /// 1 to [`limits::KEY_SHARES`]; of more, one too many is kept.
        "keys" => keys: Vec<KeyShare<'b>> as Bounded<{ limits::KEY_SHARES + 1 }>,
    }

    /// A copy of the key for one member.
    pub struct KeyShare<'b> {
        /// 1 to [`limits::MEMBER_DID`] bytes.
        "member_did" => member_did: &'b str as Required,
        /// Opaque; 1 to [`limits::WRAPPED_KEY`] bytes.
        "wrapped_key" => wrapped_key: &'b [u8] as Required,
    }

    /// The result of `epochKeys.put`.
    pub struct EpochKeysPutResult {
        /// Number of shares sent.
        "count" => count: u64 as Required,
    }

    /// The params of `epochKeys.get`; whose share is meant, the token says.
    pub struct EpochKeysGetParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`] bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// The epoch of the shared key.
        "epoch" => epoch: i32 as Required,
    }

    /// The result of `epochKeys.get`.
    pub struct EpochKeysGetResult<'b> {
        /// As it was put.
        "wrapped_key" => wrapped_key: &'b [u8] as Required,
    }
}
