//! `epoch.begin` and `epoch.complete` (protocol §4.14, §4.15; newer-clients §3.3).

use crate::Epoch;
use crate::cbor::{AnyTrue, Decode, Encode, InvalidParams, NonEmpty, OptionalItem, Reader, Required, map};

map! {
    /// Params of `epoch.begin`.
    pub struct EpochBeginParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Epoch to begin: any number; only the successor of the current epoch succeeds.
        "epoch" => epoch: i32 as Required,
        /// Minimum-epoch flag: older epochs are rejected at once; set when either spelling is true.
        "set_min_key_generation" | "set_min_epoch" => set_min_key_generation: bool as AnyTrue,
    }

    /// Params of `epoch.complete`.
    pub struct EpochCompleteParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Epoch to complete: any number; only the pending one succeeds.
        "epoch" => epoch: i32 as Required,
    }

    /// Result of a rotation that began.
    pub struct EpochBegun {
        /// Epoch of the rotation.
        "epoch" => epoch: Epoch as Required,
    }

    /// Result of a rotation that could not begin.
    pub struct EpochConflict<'b> {
        /// Error text [`EPOCH_CONFLICT`], the only one that every client recognizes.
        "error" => error: &'b str as Required,
        /// Key generation of the space.
        "current_epoch" => current_epoch: Epoch as Required,
        /// Epoch of the pending rewrap, if any.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
    }

    /// Union of both results, for decoding.
    struct Either<'b> {
        "epoch" => epoch: Option<Epoch> as OptionalItem,
        "error" => error: Option<&'b str> as OptionalItem,
        "current_epoch" => current_epoch: Option<Epoch> as OptionalItem,
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
    }
}

/// Error text of [`EpochConflict`].
pub const EPOCH_CONFLICT: &str = "epoch_conflict";

/// Result of `epoch.begin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EpochBeginResult<'b> {
    /// Rotation begun.
    Begun(EpochBegun),
    /// Epoch other than the next one, or a rotation pending.
    Conflict(EpochConflict<'b>),
}

impl Encode for EpochBeginResult<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Begun(begun) => begun.encode(out),
            Self::Conflict(conflict) => conflict.encode(out),
        }
    }
}

impl<'b> Decode<'b> for EpochBeginResult<'b> {
    fn read(reader: &mut Reader<'b>) -> Result<Self, InvalidParams> {
        let Either { epoch, error, current_epoch, rewrap_epoch } = Either::read(reader)?;
        match (epoch, error, current_epoch) {
            (Some(epoch), None, _) => Ok(Self::Begun(EpochBegun { epoch })),
            (_, Some(error), Some(current_epoch)) => {
                Ok(Self::Conflict(EpochConflict { error, current_epoch, rewrap_epoch }))
            }
            _ => Err(InvalidParams),
        }
    }
}
