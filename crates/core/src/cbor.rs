//! CBOR profile of the wire (protocol §2.1): one strict scan per message, typed decoding that borrows
//! from the message, and byte-exact encoding.
//!
//! Decoding has two steps. The scan ([`frame`](crate::frame) runs it) walks the whole message once
//! without recursion and checks everything that needs no types: truncation, depth, text keys, UTF-8,
//! duplicate keys, trailing bytes. Typed decoding then reads one scanned item through a type that the
//! [`wire`](crate::wire) modules declare.

mod field;
mod head;
mod map;
mod read;
mod scan;
mod write;

pub(crate) use field::{
    AnyTrue, Bounded, EitherDek, Field, NonEmpty, OptionalItem, Required, StatedEpoch, ZeroIfAbsent,
    ZeroIsAbsent, ZeroIsFirst,
};
pub(crate) use map::{map, words};
pub use read::Reader;
pub(crate) use scan::{Scanned, Scanner};
pub(crate) use write::{map_head, text};

/// Message that is not exactly one well-formed item within the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed item of the CBOR profile")]
pub struct Malformed;

/// Params that do not decode as the requested type: not a map, a member missing, of the wrong type or out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("params cannot be decoded")]
pub struct InvalidParams;

/// Value that encodes as one CBOR item.
pub trait Encode {
    /// Appends the item: definite lengths, shortest integers, keys in the documented order.
    fn encode(&self, out: &mut Vec<u8>);

    /// Estimated encoded size in bytes; only used to reserve capacity.
    fn size_hint(&self) -> usize {
        0
    }
}

/// Value that decodes from one CBOR item, borrowing text and byte strings from it.
pub trait Decode<'b>: Sized {
    /// Decodes one item and advances the reader past it.
    ///
    /// # Errors
    /// [`InvalidParams`] when the item is of another type, out of range, or lacks a member.
    fn read(reader: &mut Reader<'b>) -> Result<Self, InvalidParams>;

    /// Decodes `item`, which is exactly one item of a scanned message.
    ///
    /// Unscanned bytes are safe to pass, but only the scan detects duplicate keys.
    ///
    /// # Errors
    /// As [`Decode::read`]; also when bytes are left over.
    fn decode(item: &'b [u8]) -> Result<Self, InvalidParams> {
        let mut reader = Reader::new(item);
        let value = Self::read(&mut reader)?;
        if reader.is_at_end() { Ok(value) } else { Err(InvalidParams) }
    }
}
