//! Typed params, results, chunks and notifications of every method (protocol §4, §5; newer-clients §2–§4).
//!
//! All types implement both directions, because server and client share them. Members that were
//! renamed are written in both spellings and read in either.
//!
//! Ids from a client stay text: responses echo them verbatim, and the error for a malformed id differs
//! from method to method.

pub mod bus;
mod dek;
pub mod deks;
pub mod epoch;
pub mod epoch_keys;
pub mod event;
pub mod federation;
pub mod invitation;
pub mod membership;
pub mod presence;
pub mod pull;
pub mod push;
pub mod space;
pub mod subscribe;
pub mod token;

pub mod chunk;
pub mod method;

pub use dek::DekField;

use crate::cbor::{Decode, Encode, InvalidParams, Reader, map_head};

/// Map without members: the params of `invitation`, and results that only acknowledge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;

impl Encode for Empty {
    fn encode(&self, out: &mut Vec<u8>) {
        map_head(out, 0);
    }
}

impl Decode<'_> for Empty {
    /// Reads a map and skips its members.
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
        let mut remaining = reader.map()?;
        while reader.enters(&mut remaining)? {
            reader.text()?;
            reader.skip()?;
        }
        Ok(Self)
    }
}
