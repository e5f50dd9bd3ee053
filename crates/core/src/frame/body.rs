//! What an envelope carries, not decoded yet.

use crate::cbor::{Decode, InvalidParams, Scanned};

/// The `params` of a request or notification, raw and borrowed from the message.
///
/// Params that are absent, hold duplicate keys, or are no map are remembered as undecodable: the method is
/// looked at first (protocol §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<'b>(Option<&'b [u8]>);

impl<'b> Params<'b> {
    pub(super) fn new(scanned: Option<Scanned<'b>>) -> Self {
        Self(
            scanned
                .filter(|scanned| !scanned.has_duplicates && is_map(scanned.item))
                .map(|scanned| scanned.item),
        )
    }

    /// The undecoded item, for a caller that keeps the message and decodes later; `None` when it can only be
    /// undecodable.
    #[must_use]
    pub fn raw(self) -> Option<&'b [u8]> {
        self.0
    }

    /// Reads the params of one method.
    ///
    /// # Errors
    /// They are absent or no map, hold a key twice at any level, or do not fit `P`.
    pub fn decode<P: Decode<'b>>(self) -> Result<P, InvalidParams> {
        P::decode(self.0.ok_or(InvalidParams)?)
    }
}

/// The `result`, `data` or `params` that a server sent, raw and borrowed from the message.
pub type Raw<'b> = Params<'b>;

/// Whether the item is a map: major type 5.
fn is_map(item: &[u8]) -> bool {
    item.first().is_some_and(|initial| initial >> 5 == 5)
}
