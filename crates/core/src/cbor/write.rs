//! Encoding: definite lengths and shortest forms only.

use super::head::{FALSE, TRUE};
use crate::{ChainSeq, Cursor, Epoch, FileId, InvitationId, MetadataVersion, RecordId, SpaceId};

/// Value that encodes as one CBOR item.
pub trait Encode {
    /// Appends the item: definite lengths, shortest integers, keys in the documented order.
    fn encode(&self, out: &mut Vec<u8>);

    /// Estimated encoded size in bytes; only used to reserve capacity.
    fn size_hint(&self) -> usize {
        0
    }
}

/// Major types, shifted to their position in the initial byte.
const UNSIGNED: u8 = 0x00;
const NEGATIVE: u8 = 0x20;
const BYTES: u8 = 0x40;
const TEXT: u8 = 0x60;
const ARRAY: u8 = 0x80;
const MAP: u8 = 0xa0;
const SIMPLE: u8 = 0xe0;

/// Additional information values: the argument follows in one, two, four or eight bytes.
const ONE: u8 = 0x18;
const TWO: u8 = 0x19;
const FOUR: u8 = 0x1a;
const EIGHT: u8 = 0x1b;

#[expect(clippy::cast_possible_truncation, reason = "the range was compared in every arm")]
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    match argument {
        0..24 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | ONE, argument as u8]),
        0x100..=0xffff => {
            out.push(major | TWO);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | FOUR);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | EIGHT);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

fn unsigned(out: &mut Vec<u8>, number: u64) {
    head(out, UNSIGNED, number);
}

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    head(out, TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn array_head(out: &mut Vec<u8>, items: usize) {
    head(out, ARRAY, items as u64);
}

pub(crate) fn map_head(out: &mut Vec<u8>, entries: usize) {
    head(out, MAP, entries as u64);
}

pub(crate) fn bytes_head(out: &mut Vec<u8>, length: usize) {
    head(out, BYTES, length as u64);
}

impl Encode for str {
    fn encode(&self, out: &mut Vec<u8>) {
        text(out, self);
    }

    fn size_hint(&self) -> usize {
        5 + self.len()
    }
}

impl Encode for [u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        bytes_head(out, self.len());
        out.extend_from_slice(self);
    }

    fn size_hint(&self) -> usize {
        5 + self.len()
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }

    fn size_hint(&self) -> usize {
        (**self).size_hint()
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(SIMPLE | if *self { TRUE } else { FALSE });
    }

    fn size_hint(&self) -> usize {
        1
    }
}

impl Encode for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        match u64::try_from(*self) {
            Ok(number) => head(out, UNSIGNED, number),
            Err(_) => head(out, NEGATIVE, (!*self).cast_unsigned()),
        }
    }

    fn size_hint(&self) -> usize {
        9
    }
}

impl Encode for i32 {
    fn encode(&self, out: &mut Vec<u8>) {
        i64::from(*self).encode(out);
    }

    fn size_hint(&self) -> usize {
        5
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        unsigned(out, *self);
    }

    fn size_hint(&self) -> usize {
        9
    }
}

impl Encode for Cursor {
    fn encode(&self, out: &mut Vec<u8>) {
        unsigned(out, self.get());
    }

    fn size_hint(&self) -> usize {
        9
    }
}

macro_rules! write_i32 {
    ($($number:ty),*) => {$(
        impl Encode for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                self.get().encode(out);
            }

            fn size_hint(&self) -> usize {
                5
            }
        }
    )*};
}

write_i32!(Epoch, ChainSeq, MetadataVersion);

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        array_head(out, self.len());
        for item in self {
            item.encode(out);
        }
    }

    fn size_hint(&self) -> usize {
        5 + self.iter().map(Encode::size_hint).sum::<usize>()
    }
}

macro_rules! write_id {
    ($($id:ty),*) => {$(
        impl Encode for $id {
            /// Encodes the canonical text.
            fn encode(&self, out: &mut Vec<u8>) {
                self.with_text(|canonical| text(out, canonical));
            }

            fn size_hint(&self) -> usize {
                38
            }
        }
    )*};
}

write_id!(SpaceId, RecordId, FileId, InvitationId);
