//! Typed decoding of scanned items.

use super::error::InvalidParams;
use super::head::{FALSE, Head, Input, NULL, TRUE, UNDEFINED};
use super::scan::Scanner;
use crate::{ChainSeq, Cursor, Epoch, FileId, InvitationId, MetadataVersion, RecordId, SpaceId};

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

/// Sequential reader of items.
#[derive(Debug)]
pub struct Reader<'b> {
    input: Input<'b>,
}

/// Remaining count of an array or map.
#[derive(Debug)]
pub(crate) struct Remaining(Option<u64>);

impl<'b> Reader<'b> {
    /// Creates a reader at the start of `item`.
    pub(crate) const fn new(item: &'b [u8]) -> Self {
        Self { input: Input::new(item) }
    }

    /// Returns true at the end of the input.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.input.rest().is_empty()
    }

    /// Consumes an item that means "absent", if present: null or undefined.
    pub(crate) fn absent(&mut self) -> bool {
        let mut ahead = self.input;
        let is_absent = matches!(ahead.head(), Ok(Head::Simple(NULL | UNDEFINED)));
        if is_absent {
            self.input = ahead;
        }
        is_absent
    }

    pub(crate) fn text(&mut self) -> Result<&'b str, InvalidParams> {
        let Head::Text(length) = self.input.head()? else { return Err(InvalidParams) };
        std::str::from_utf8(self.input.take(length)?).map_err(|_| InvalidParams)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'b [u8], InvalidParams> {
        let Head::Bytes(length) = self.input.head()? else { return Err(InvalidParams) };
        Ok(self.input.take(length)?)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, InvalidParams> {
        let Head::Simple(value @ (FALSE | TRUE)) = self.input.head()? else { return Err(InvalidParams) };
        Ok(value == TRUE)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, InvalidParams> {
        let head = self.input.head()?;
        if let Head::Unsigned(number) = head {
            return i64::try_from(number).map_err(|_| InvalidParams);
        }
        let Head::Negative(number) = head else { return Err(InvalidParams) };
        // −1 − n is !n in two's complement.
        i64::try_from(number).map(|number| !number).map_err(|_| InvalidParams)
    }

    /// Decodes an integer from 0 up to `i64::MAX`: the widest range on the wire.
    pub(crate) fn u63(&mut self) -> Result<u64, InvalidParams> {
        u64::try_from(self.i64()?).map_err(|_| InvalidParams)
    }

    pub(crate) fn array(&mut self) -> Result<Remaining, InvalidParams> {
        let Head::Array(length) = self.input.head()? else { return Err(InvalidParams) };
        Ok(Remaining(length))
    }

    pub(crate) fn map(&mut self) -> Result<Remaining, InvalidParams> {
        let Head::Map(length) = self.input.head()? else { return Err(InvalidParams) };
        Ok(Remaining(length))
    }

    /// Returns true when another item or entry follows, and counts it.
    pub(crate) fn enters(&mut self, remaining: &mut Remaining) -> Result<bool, InvalidParams> {
        match &mut remaining.0 {
            Some(0) => Ok(false),
            Some(number) => {
                *number -= 1;
                Ok(true)
            }
            None if self.input.peek() == Some(0xff) => Ok(self.input.head().map(|_| false)?),
            None => Ok(true),
        }
    }

    /// Skips one item of any type.
    pub(crate) fn skip(&mut self) -> Result<(), InvalidParams> {
        let mut scanner = Scanner::new(self.input.rest());
        scanner.item()?;
        self.input = Input::new(scanner.rest());
        Ok(())
    }
}

impl<'b> Decode<'b> for &'b str {
    fn read(reader: &mut Reader<'b>) -> Result<Self, InvalidParams> {
        reader.text()
    }
}

impl<'b> Decode<'b> for &'b [u8] {
    fn read(reader: &mut Reader<'b>) -> Result<Self, InvalidParams> {
        reader.bytes()
    }
}

impl Decode<'_> for bool {
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
        reader.bool()
    }
}

impl Decode<'_> for i32 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
        Self::try_from(reader.i64()?).map_err(|_| InvalidParams)
    }
}

impl Decode<'_> for i64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
        reader.i64()
    }
}

impl Decode<'_> for u64 {
    /// Accepts numbers up to 2^63 − 1 (protocol appendix A).
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
        reader.u63()
    }
}

impl Decode<'_> for Cursor {
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
        Self::new(reader.u63()?).map_err(|_| InvalidParams)
    }
}

macro_rules! read_i32 {
    ($($number:ty),*) => {$(
        impl Decode<'_> for $number {
            fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
                Self::new(i32::read(reader)?).map_err(|_| InvalidParams)
            }
        }
    )*};
}

read_i32!(Epoch, ChainSeq, MetadataVersion);

impl<'b, T: Decode<'b>> Decode<'b> for Vec<T> {
    /// Reserves nothing from the declared length.
    fn read(reader: &mut Reader<'b>) -> Result<Self, InvalidParams> {
        let mut remaining = reader.array()?;
        let mut items = Self::new();
        while reader.enters(&mut remaining)? {
            items.push(T::read(reader)?);
        }
        Ok(items)
    }
}

macro_rules! read_id {
    ($($id:ty),*) => {$(
        impl Decode<'_> for $id {
            fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
                reader.text()?.parse().map_err(|_| InvalidParams)
            }
        }
    )*};
}

read_id!(SpaceId, RecordId, FileId, InvitationId);
