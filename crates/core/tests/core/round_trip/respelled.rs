//! The same item as another client might write it (protocol §2.1, §2.3).

use minicbor::Decoder;
use minicbor::data::Type;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Shuffles keys, makes lengths indefinite and integers wide, and adds unknown keys.
pub(crate) fn respelled(item: &[u8], seed: u64) -> Vec<u8> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut out = Vec::new();
    copy(&mut Decoder::new(item), &mut rng, &mut out);
    out
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other decoder knows more types than we write")]
fn copy(decoder: &mut Decoder<'_>, rng: &mut TestRng, out: &mut Vec<u8>) {
    let before = decoder.position();
    match decoder.datatype().unwrap() {
        Type::Array => {
            let length = decoder.array().unwrap().unwrap();
            let is_indefinite = begin(rng, out, 0x80, length);
            for _ in 0..length {
                copy(decoder, rng, out);
            }
            end(out, is_indefinite);
        }
        Type::Map => {
            let length = decoder.map().unwrap().unwrap();
            let mut entries: Vec<Vec<u8>> = (0..length).map(|_| entry(decoder, rng)).collect();
            if rng.next_u32().is_multiple_of(3) {
                entries.push(b"\x67unknown\x82\xf9\x7e\x00\xa1\x61a\xf7".to_vec());
            }
            for at in (1..entries.len()).rev() {
                entries.swap(at, rng.next_u32() as usize % (at + 1));
            }
            let is_indefinite = begin(rng, out, 0xa0, entries.len() as u64);
            out.extend(entries.concat());
            end(out, is_indefinite);
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            let number = decoder.u64().unwrap();
            wide(rng, out, 0, number);
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
            let number = decoder.i64().unwrap();
            wide(rng, out, 0x20, (!number).unsigned_abs());
        }
        Type::Bool | Type::Bytes | Type::String => {
            decoder.skip().unwrap();
            out.extend_from_slice(decoder.input().get(before..decoder.position()).unwrap());
        }
        other => unreachable!("we never write {other}"),
    }
}

fn entry(decoder: &mut Decoder<'_>, rng: &mut TestRng) -> Vec<u8> {
    let mut out = Vec::new();
    copy(decoder, rng, &mut out);
    copy(decoder, rng, &mut out);
    out
}

fn begin(rng: &mut TestRng, out: &mut Vec<u8>, major: u8, length: u64) -> bool {
    let is_indefinite = rng.next_u32().is_multiple_of(2);
    if is_indefinite {
        out.push(major | 0x1f);
    } else {
        wide(rng, out, major, length);
    }
    is_indefinite
}

fn end(out: &mut Vec<u8>, is_indefinite: bool) {
    if is_indefinite {
        out.push(0xff);
    }
}

/// A head in the shortest form, or in the longest.
fn wide(rng: &mut TestRng, out: &mut Vec<u8>, major: u8, number: u64) {
    match u8::try_from(number) {
        Ok(number @ 0..24) if rng.next_u32().is_multiple_of(2) => out.push(major | number),
        _ => {
            out.push(major | 0x1b);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}
