//! Any CBOR item as JSON, read by a decoder that is not ours.

use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::{Map, Value, json};

use super::file::to_hex;

/// The item in the JSON form of the vectors: `$bytes`, `$undefined`, `$int` and `$float` mark what JSON cannot
/// say.
pub(crate) fn to_json(item: &[u8]) -> Value {
    let mut decoder = Decoder::new(item);
    let value = read(&mut decoder);
    assert_eq!(decoder.position(), item.len(), "trailing bytes");
    value
}

fn read(decoder: &mut Decoder<'_>) -> Value {
    match decoder.datatype().unwrap() {
        Type::Bool => json!(decoder.bool().unwrap()),
        Type::Null => {
            decoder.null().unwrap();
            Value::Null
        }
        Type::Undefined => {
            decoder.undefined().unwrap();
            json!({"$undefined": true})
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => number(i128::from(decoder.u64().unwrap())),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => number(decoder.int().unwrap().into()),
        Type::F32 | Type::F64 => json!({"$float": decoder.f64().unwrap()}),
        Type::Bytes => json!({"$bytes": to_hex(decoder.bytes().unwrap())}),
        Type::String => json!(decoder.str().unwrap()),
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array().unwrap();
            let mut items = Vec::new();
            while follows(decoder, length, items.len()) {
                items.push(read(decoder));
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let length = decoder.map().unwrap();
            let mut members = Map::new();
            while follows(decoder, length, members.len()) {
                let key = decoder.str().unwrap().to_owned();
                let value = read(decoder);
                assert!(members.insert(key, value).is_none(), "duplicate key");
            }
            Value::Object(members)
        }
        strange @ (Type::F16
        | Type::Simple
        | Type::BytesIndef
        | Type::StringIndef
        | Type::Tag
        | Type::Break
        | Type::Unknown(_)) => panic!("{strange} is not in the vectors"),
    }
}

/// Numbers that JavaScript cannot hold are marked.
fn number(number: i128) -> Value {
    let safe = i64::try_from(number).ok().filter(|number| number.unsigned_abs() < 1 << 53);
    safe.map_or_else(|| json!({"$int": number.to_string()}), |number| json!(number))
}

fn follows(decoder: &mut Decoder<'_>, length: Option<u64>, read: usize) -> bool {
    if let Some(length) = length {
        return (read as u64) < length;
    }
    if decoder.datatype().unwrap() == Type::Break {
        decoder.set_position(decoder.position() + 1);
        return false;
    }
    true
}
