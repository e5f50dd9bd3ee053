//! CBOR written as JSON, in the notation of the vectors: what JSON cannot say is an object with one key.
//!
//! | JSON | CBOR |
//! |---|---|
//! | `{"$bytes": "00ff"}` | byte string |
//! | `{"$undefined": true}` | undefined |
//! | `{"$int": "18446744073709551615"}` | integer beyond JSON's reach |
//! | `{"$float": 1.5}` | double |
//!
//! A codec of its own, slow and plain, so that tests do not ask the codec under test whether it is right.

use serde_json::{Map, Value, json};

/// A byte string.
#[must_use]
pub fn bytes(content: impl AsRef<[u8]>) -> Value {
    json!({ "$bytes": hex(content.as_ref()) })
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes behind hexadecimal text.
///
/// # Panics
/// If the text is not hexadecimal.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hexadecimal text of odd length");
    let digit = |at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(|at| digit(at).expect("hexadecimal text")).collect()
}

/// Encodes a CBOR item, definite and in shortest form, keys in alphabetical order.
///
/// # Panics
/// If `value` is not in the notation.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(no) if !no => out.push(0xf4),
        Value::Bool(_) => out.push(0xf5),
        Value::Number(number) => write_integer(out, i128::from_number(number)),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            write_head(out, 4, items.len() as u64);
            for item in items {
                write(out, item);
            }
        }
        Value::Object(members) => write_object(out, members),
    }
}

fn write_object(out: &mut Vec<u8>, members: &Map<String, Value>) {
    if let Some((mark, content)) = only_member(members).filter(|(key, _)| key.starts_with('$')) {
        return write_marked(out, mark, content);
    }
    write_head(out, 5, members.len() as u64);
    for (key, member) in members {
        write_text(out, key);
        write(out, member);
    }
}

fn only_member(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    (members.len() == 1).then(|| members.iter().next()).flatten().map(|(key, value)| (key.as_str(), value))
}

fn write_marked(out: &mut Vec<u8>, mark: &str, content: &Value) {
    match mark {
        "$bytes" => {
            let content = unhex(content.as_str().expect("$bytes holds hexadecimal text"));
            write_head(out, 2, content.len() as u64);
            out.extend(content);
        }
        "$undefined" => out.push(0xf7),
        "$int" => {
            let digits = content.as_str().expect("$int holds decimal text");
            write_integer(out, digits.parse().expect("$int holds decimal text"));
        }
        "$float" => {
            out.push(0xfb);
            out.extend(content.as_f64().expect("$float holds a number").to_be_bytes());
        }
        unknown => panic!("{unknown} is not in the notation"),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_head(out, 3, text.len() as u64);
    out.extend(text.as_bytes());
}

fn write_integer(out: &mut Vec<u8>, integer: i128) {
    let (major, magnitude) = if integer < 0 { (1, -1 - integer) } else { (0, integer) };
    write_head(out, major, u64::try_from(magnitude).expect("an integer of CBOR's range"));
}

fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let wide = argument.to_be_bytes();
    let [.., a, b, c, d] = wide;
    match argument {
        0..=23 => out.push(major | d),
        24..=0xff => out.extend([major | 0x18, d]),
        0x100..=0xffff => out.extend([major | 0x19, c, d]),
        0x1_0000..=0xffff_ffff => out.extend([major | 0x1a, a, b, c, d]),
        _ => {
            out.push(major | 0x1b);
            out.extend(wide);
        }
    }
}

trait FromNumber {
    fn from_number(number: &serde_json::Number) -> Self;
}

impl FromNumber for i128 {
    fn from_number(number: &serde_json::Number) -> Self {
        let signed = number.as_i64().map(Self::from);
        signed.or_else(|| number.as_u64().map(Self::from)).expect("an integer; floats are {\"$float\": x}")
    }
}

/// The JSON form of exactly one CBOR item, or what is wrong with it. Stricter than the profile of the server's
/// input and exactly the profile of its output: definite lengths, shortest integers, text keys in no
/// particular order, no duplicates, nothing after the item.
///
/// # Errors
/// A sentence about the first violation.
pub fn decode(item: &[u8]) -> Result<Value, String> {
    let mut rest = item;
    let value = read(&mut rest, 0)?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes after the item", rest.len())) }
}

fn read(rest: &mut &[u8], depth: usize) -> Result<Value, String> {
    if depth > 32 {
        return Err("nested too deeply".into());
    }
    let initial = take::<1>(rest)?[0];
    if let 0xf4..=0xf7 | 0xfb = initial {
        return read_simple(rest, initial);
    }
    let argument = read_argument(rest, initial & 31)?;
    match initial >> 5 {
        0 => Ok(integer(i128::from(argument))),
        1 => Ok(integer(-1 - i128::from(argument))),
        2 => Ok(bytes(take_slice(rest, argument)?)),
        3 => read_text(rest, argument).map(Value::String),
        4 => (0..argument).map(|_| read(rest, depth + 1)).collect::<Result<_, _>>().map(Value::Array),
        5 => read_map(rest, argument, depth),
        major => Err(format!("major type {major} is not in the profile")),
    }
}

fn read_simple(rest: &mut &[u8], initial: u8) -> Result<Value, String> {
    Ok(match initial {
        0xf4 => json!(false),
        0xf5 => json!(true),
        0xf6 => Value::Null,
        0xf7 => json!({ "$undefined": true }),
        _ => json!({ "$float": f64::from_be_bytes(take(rest)?) }),
    })
}

fn read_map(rest: &mut &[u8], members: u64, depth: usize) -> Result<Value, String> {
    let mut map = Map::new();
    for _ in 0..members {
        let Value::String(key) = read(rest, depth + 1)? else {
            return Err("a key that is not text".into());
        };
        let value = read(rest, depth + 1)?;
        if map.insert(key.clone(), value).is_some() {
            return Err(format!("duplicate key {key}"));
        }
    }
    Ok(Value::Object(map))
}

fn read_text(rest: &mut &[u8], length: u64) -> Result<String, String> {
    String::from_utf8(take_slice(rest, length)?.to_vec()).map_err(|_| "text that is not UTF-8".into())
}

fn read_argument(rest: &mut &[u8], short: u8) -> Result<u64, String> {
    let (argument, at_least) = match short {
        0..=23 => (u64::from(short), 0),
        24 => (u64::from(take::<1>(rest)?[0]), 24),
        25 => (u64::from(u16::from_be_bytes(take(rest)?)), 0x100),
        26 => (u64::from(u32::from_be_bytes(take(rest)?)), 0x1_0000),
        27 => (u64::from_be_bytes(take(rest)?), 0x1_0000_0000),
        _ => return Err("an indefinite or reserved length".into()),
    };
    if argument < at_least { Err("not the shortest form".into()) } else { Ok(argument) }
}

fn integer(value: i128) -> Value {
    match i64::try_from(value) {
        Ok(small) => json!(small),
        Err(_) => json!({ "$int": value.to_string() }),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or("cut short")?;
    *rest = tail;
    Ok(*head)
}

fn take_slice<'b>(rest: &mut &'b [u8], length: u64) -> Result<&'b [u8], String> {
    let length = usize::try_from(length).map_err(|_| "longer than memory")?;
    let (head, tail) = rest.split_at_checked(length).ok_or("cut short")?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_survive_the_way_there_and_back() {
        let value = json!({
            "type": 0, "id": "rpc-1", "big": {"$int": "18446744073709551615"}, "neg": -500, "blob": bytes(b"\x00\xff"),
            "absent": {"$undefined": true}, "nothing": null, "yes": true, "list": [1, 24, 256, 65536, 4_294_967_296_i64],
        });
        assert_eq!(decode(&encode(&value)), Ok(value));
    }

    /// RFC 8949, appendix A.
    #[test]
    fn heads_are_written_in_their_shortest_form() {
        for (value, expected) in [
            (json!(23), "17"),
            (json!(24), "1818"),
            (json!(1_000_000), "1a000f4240"),
            (json!(-1000), "3903e7"),
            (json!("ü"), "62c3bc"),
            (json!({"a": 1, "b": [2, 3]}), "a26161016162820203"),
            (json!({"$float": 1.1}), "fb3ff199999999999a"),
        ] {
            assert_eq!(hex(&encode(&value)), expected);
        }
    }

    #[test]
    fn items_that_a_server_must_not_emit_are_rejected() {
        for (item, why) in [
            ("1817", "not the shortest form"),
            ("bf616101ff", "an indefinite or reserved length"),
            ("a2616101616102", "duplicate key a"),
            ("a10102", "a key that is not text"),
            ("c000", "major type 6 is not in the profile"),
            ("f6f6", "1 bytes after the item"),
            ("5b7fffffffffffffff", "cut short"),
        ] {
            assert_eq!(decode(&unhex(item)), Err(why.to_owned()), "{item}");
        }
    }
}
