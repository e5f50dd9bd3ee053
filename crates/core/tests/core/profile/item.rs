//! Arbitrary CBOR items in arbitrary spelling.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// An item; integers may be wider than needed and containers indefinite.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Number {
        major: u8,
        value: u64,
        width: u8,
    },
    Bytes(Vec<u8>),
    Text(String),
    Array {
        items: Vec<Item>,
        indefinite: bool,
    },
    Map {
        entries: Vec<(String, Item)>,
        indefinite: bool,
    },
    Tag {
        tag: u64,
        item: Box<Item>,
    },
    /// The bytes of a simple value or float.
    Other(Vec<u8>),
}

impl Item {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number { major, value, width } => head(out, *major, *value, *width),
            Self::Bytes(bytes) => {
                head(out, 2, bytes.len() as u64, 0);
                out.extend_from_slice(bytes);
            }
            Self::Text(text) => write_text(out, text),
            Self::Array { items, indefinite } => {
                begin(out, 4, items.len(), *indefinite);
                for item in items {
                    item.write(out);
                }
                end(out, *indefinite);
            }
            Self::Map { entries, indefinite } => {
                begin(out, 5, entries.len(), *indefinite);
                for (key, item) in entries {
                    write_text(out, key);
                    item.write(out);
                }
                end(out, *indefinite);
            }
            Self::Tag { tag, item } => {
                head(out, 6, *tag, 0);
                item.write(out);
            }
            Self::Other(bytes) => out.extend_from_slice(bytes),
        }
    }
}

pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    head(out, 3, text.len() as u64, 0);
    out.extend_from_slice(text.as_bytes());
}

fn begin(out: &mut Vec<u8>, major: u8, length: usize, indefinite: bool) {
    if indefinite {
        out.push(major << 5 | 0x1f);
    } else {
        head(out, major, length as u64, 0);
    }
}

fn end(out: &mut Vec<u8>, indefinite: bool) {
    if indefinite {
        out.push(0xff);
    }
}

/// A head whose number takes at least `width` steps of 0, 1, 2, 4, 8 bytes.
pub(crate) fn head(out: &mut Vec<u8>, major: u8, value: u64, width: u8) {
    let needed = match value {
        0..24 => 0,
        24..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 3,
        _ => 4,
    };
    let bytes = value.to_be_bytes();
    let (info, bytes) = match width.max(needed) {
        0 => (bytes[7], &bytes[8..]),
        1 => (24, &bytes[7..]),
        2 => (25, &bytes[6..]),
        3 => (26, &bytes[4..]),
        _ => (27, &bytes[..]),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(bytes);
}

/// Items without a repeated key, at most six levels deep.
pub(crate) fn item() -> impl Strategy<Value = Item> {
    let other = prop_oneof![
        (20_u8..24).prop_map(|value| vec![0xe0 | value]),
        (32_u8..).prop_map(|value| vec![0xf8, value]),
        any::<[u8; 2]>().prop_map(|bits| [&[0xf9][..], &bits].concat()),
        any::<f32>().prop_map(|float| [&[0xfa][..], &float.to_be_bytes()].concat()),
        any::<f64>().prop_map(|float| [&[0xfb][..], &float.to_be_bytes()].concat()),
    ];
    let leaf = prop_oneof![
        (0_u8..2, any::<u64>(), 0_u32..64, 0_u8..5).prop_map(|(major, value, shift, width)| {
            Item::Number { major, value: value >> shift, width }
        }),
        vec(any::<u8>(), 0..40).prop_map(Item::Bytes),
        ".{0,20}".prop_map(Item::Text),
        other.prop_map(Item::Other),
    ];
    leaf.prop_recursive(5, 64, 20, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..20), any::<bool>())
                .prop_map(|(items, indefinite)| Item::Array { items, indefinite }),
            (btree_map(".{0,12}", inner.clone(), 0..20), any::<bool>())
                .prop_map(|(map, indefinite)| Item::Map { entries: map.into_iter().collect(), indefinite }),
            (any::<u64>(), inner).prop_map(|(tag, item)| Item::Tag { tag, item: Box::new(item) }),
        ]
    })
}
