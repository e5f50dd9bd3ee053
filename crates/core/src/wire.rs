//! Typed params, results, chunks and notifications of every method (protocol §4, §5; newer-clients §2–§4).
//!
//! Everything here can be read and written, because servers and clients use the same types. Members that were
//! renamed are written in both spellings and read in either.
//!
//! Ids that a client wrote stay text: answers echo them as they came, and what a malformed id means differs
//! from method to method.

mod dek;
pub mod deks;
pub mod epoch;
pub mod epoch_keys;
pub mod event;
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

/// A map without members: the params of `invitation`, and results that say only "done".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;

impl Encode for Empty {
    fn encode(&self, out: &mut Vec<u8>) {
        map_head(out, 0);
    }
}

impl Decode<'_> for Empty {
    /// Passes over any members.
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidParams> {
        let mut remaining = reader.map()?;
        while reader.enters(&mut remaining)? {
            reader.text()?;
            reader.skip()?;
        }
        Ok(Self)
    }
}
