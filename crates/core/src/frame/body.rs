//! Undecoded bodies of envelopes.

use crate::cbor::{Decode, InvalidParams, Scanned};

/// Raw `params` of a request or notification, borrowed from the message.
///
/// Params that are absent, hold duplicate keys, or are not a map are kept as undecodable: the method is
/// resolved first (protocol §4.1).
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

    /// Raw item, for a caller that keeps the message and decodes later; `None` when the params are undecodable.
    #[must_use]
    pub fn raw(self) -> Option<&'b [u8]> {
        self.0
    }

    /// Decodes the params as the type of one method.
    ///
    /// # Errors
    /// [`InvalidParams`] when the params are absent or not a map, hold a duplicate key at any level, or do not fit `P`.
    pub fn decode<P: Decode<'b>>(self) -> Result<P, InvalidParams> {
        P::decode(self.0.ok_or(InvalidParams)?)
    }
}

/// Raw `result`, `data` or `params` from a server, borrowed from the message.
pub type Raw<'b> = Params<'b>;

/// Returns true for a map: major type 5.
fn is_map(item: &[u8]) -> bool {
    item.first().is_some_and(|initial| initial >> 5 == 5)
}
