//! `epoch.begin` and `epoch.complete` (protocol §4.14, §4.15; newer-clients §3.3).

use crate::Epoch;
use crate::cbor::{AnyTrue, Decode, Encode, InvalidParams, NonEmpty, OptionalItem, Reader, Required, map};

map! {
    /// The params of `epoch.begin`.
    pub struct EpochBeginParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// The epoch to begin: any number; only the next one succeeds.
        "epoch" => epoch: i32 as Required,
        /// Whether older epochs stop being accepted at once; set when either spelling is true.
        "set_min_key_generation" | "set_min_epoch" => set_min_key_generation: bool as AnyTrue,
    }

    /// The params of `epoch.complete`.
    pub struct EpochCompleteParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// The epoch to complete: any number; only the pending one succeeds.
        "epoch" => epoch: i32 as Required,
    }

    /// A rotation began.
    pub struct EpochBegun {
        /// The new epoch.
        "epoch" => epoch: Epoch as Required,
    }

    /// A rotation could not begin.
    pub struct EpochConflict<'b> {
        /// [`EPOCH_CONFLICT`], the only text that every client understands.
        "error" => error: &'b str as Required,
        /// Key generation of the space.
        "current_epoch" => current_epoch: Epoch as Required,
        /// Its pending rewrap.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
    }

    /// Both results at once, to tell them apart.
    struct Either<'b> {
        "epoch" => epoch: Option<Epoch> as OptionalItem,
        "error" => error: Option<&'b str> as OptionalItem,
        "current_epoch" => current_epoch: Option<Epoch> as OptionalItem,
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
    }
}

/// The error text of [`EpochConflict`].
pub const EPOCH_CONFLICT: &str = "epoch_conflict";

/// The result of `epoch.begin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EpochBeginResult<'b> {
    /// A rotation began.
    Begun(EpochBegun),
    /// The epoch was not the next one, or a rotation is pending.
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
