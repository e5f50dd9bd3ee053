//! CBOR profile of the wire (protocol §2.1): one strict scan per message, typed decoding that borrows
//! from the message, and byte-exact encoding.
//!
//! Decoding has two steps. The scan ([`frame`](crate::frame) runs it) walks the whole message once
//! without recursion and checks everything that needs no types: truncation, depth, text keys, UTF-8,
//! duplicate keys, trailing bytes. Typed decoding then reads one scanned item through a type that the
//! [`wire`](crate::wire) modules declare.

mod error;
mod field;
mod head;
mod map;
mod read;
mod scan;
mod write;

pub use error::{InvalidParams, Malformed};
pub(crate) use field::{
    AnyTrue, Bounded, EitherDek, Field, NonEmpty, OptionalItem, Required, StatedEpoch, ZeroIfAbsent,
    ZeroIsAbsent, ZeroIsFirst,
};
pub(crate) use map::{map, words};
pub use read::{Decode, Reader};
pub(crate) use scan::{Scanned, Scanner};
pub use write::Encode;
pub(crate) use write::{bytes_head, map_head, text};
