//! Decoding of item heads from bytes.

use super::error::Malformed;

/// Head of an item: its type and its argument.
///
/// Strings of indefinite length are outside the profile and have no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Unsigned integer n.
    Unsigned(u64),
    /// Negative integer −1 − n.
    Negative(u64),
    /// Byte string of n bytes.
    Bytes(u64),
    /// Text string of n bytes.
    Text(u64),
    /// Array of n items; `None`: up to a break.
    Array(Option<u64>),
    /// Map of n entries; `None`: up to a break.
    Map(Option<u64>),
    /// Tag of the item that follows.
    Tag,
    /// Simple value by its number: false, true, null, undefined or another.
    Simple(u8),
    /// Floating-point number of any width; the wire has no use for its value.
    Float,
    /// Break: the end of an array or map of indefinite length.
    Break,
}

pub(crate) const FALSE: u8 = 20;
pub(crate) const TRUE: u8 = 21;
pub(crate) const NULL: u8 = 22;
pub(crate) const UNDEFINED: u8 = 23;

/// Unread rest of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'b>(&'b [u8]);

impl<'b> Input<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Unread bytes.
    pub(crate) const fn rest(&self) -> &'b [u8] {
        self.0
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Consumes the next `length` bytes.
    pub(crate) fn take(&mut self, length: u64) -> Result<&'b [u8], Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Consumes the next head; the contents of strings and containers follow.
    pub(crate) fn head(&mut self) -> Result<Head, Malformed> {
        let (&initial, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        let (major, info) = (initial >> 5, initial & 0x1f);
        match major {
            0 => self.argument(info).map(Head::Unsigned),
            1 => self.argument(info).map(Head::Negative),
            2 => self.argument(info).map(Head::Bytes),
            3 => self.argument(info).map(Head::Text),
            4 => self.length(info).map(Head::Array),
            5 => self.length(info).map(Head::Map),
            6 => self.argument(info).map(|_| Head::Tag),
            _ => self.simple(info),
        }
    }

    fn argument(&mut self, info: u8) -> Result<u64, Malformed> {
        match info {
            0..=23 => Ok(u64::from(info)),
            24 => self.big_endian::<1>().map(|[byte]| u64::from(byte)),
            25 => self.big_endian().map(u16::from_be_bytes).map(u64::from),
            26 => self.big_endian().map(u32::from_be_bytes).map(u64::from),
            27 => self.big_endian().map(u64::from_be_bytes),
            _ => Err(Malformed),
        }
    }

    fn length(&mut self, info: u8) -> Result<Option<u64>, Malformed> {
        if info == 31 { Ok(None) } else { self.argument(info).map(Some) }
    }

    fn simple(&mut self, info: u8) -> Result<Head, Malformed> {
        match info {
            0..=23 => Ok(Head::Simple(info)),
            24 => match self.big_endian()? {
                // RFC 8949 §3.3: two-byte encodings of the values below 32 are not well-formed.
                [value] if value >= 32 => Ok(Head::Simple(value)),
                _ => Err(Malformed),
            },
            25 => self.big_endian::<2>().map(|_| Head::Float),
            26 => self.big_endian::<4>().map(|_| Head::Float),
            27 => self.big_endian::<8>().map(|_| Head::Float),
            31 => Ok(Head::Break),
            _ => Err(Malformed),
        }
    }

    fn big_endian<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }
}
