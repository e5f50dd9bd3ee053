//! `epochKeys.put` and `epochKeys.get` (newer-clients §4.1).

use crate::cbor::{Bounded, NonEmpty, Required, map};
use crate::limits;

map! {
    /// Params of `epochKeys.put`.
    pub struct EpochKeysPutParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`] bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Epoch of the wrapped keys.
        "epoch" => epoch: i32 as Required,
        /// Shares, one per member, 1 to [`limits::KEY_SHARES`]; of a longer list one excess entry is kept.
        "keys" => keys: Vec<KeyShare<'b>> as Bounded<{ limits::KEY_SHARES + 1 }>,
    }

    /// Wrapped copy of the space key for one member.
    pub struct KeyShare<'b> {
        /// DID of the member, 1 to [`limits::NAME`] bytes.
        "member_did" => member_did: &'b str as Required,
        /// Opaque wrapped key, 1 to [`limits::WRAPPED_KEY`] bytes.
        "wrapped_key" => wrapped_key: &'b [u8] as Required,
    }

    /// Result of `epochKeys.put`.
    pub struct EpochKeysPutResult {
        /// Number of shares in the request.
        "count" => count: u64 as Required,
    }

    /// Params of `epochKeys.get`; the token's DID selects the share.
    pub struct EpochKeysGetParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`] bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Epoch of the wrapped key.
        "epoch" => epoch: i32 as Required,
    }

    /// Result of `epochKeys.get`.
    pub struct EpochKeysGetResult<'b> {
        /// Wrapped key, unchanged from `epochKeys.put`.
        "wrapped_key" => wrapped_key: &'b [u8] as Required,
    }
}
