//! Strict JSON objects: nothing but an object, nested at most 32 deep, without duplicates among
//! the members that are read (auth S-06).

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Maximum nesting of objects and arrays, the outermost included.
const DEPTH: usize = 32;

/// Text that is not one JSON object within the rules.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Member of the wrong type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongType;

/// Selected members of an object, each as its raw text. All others are skipped.
pub(crate) struct Object<'t> {
    members: Vec<(&'static str, &'t RawValue)>,
}

impl<'t> Object<'t> {
    /// Reads the members called `names`.
    pub(crate) fn read(text: &'t str, names: &'static [&'static str]) -> Result<Self, Malformed> {
        if nests_too_deep(text) {
            return Err(Malformed);
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let members = json.deserialize_map(Members { names }).map_err(|_| Malformed)?;
        json.end().map_err(|_| Malformed)?;
        Ok(Self { members })
    }

    /// Returns true when `name` is present, whatever its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Decodes the value of `name`, if present. `null` is a value: neither text nor number.
    pub(crate) fn get<T: Deserialize<'t>>(&self, name: &str) -> Result<Option<T>, WrongType> {
        self.raw(name).map(|raw| serde_json::from_str(raw.get()).map_err(|_| WrongType)).transpose()
    }

    fn raw(&self, name: &str) -> Option<&'t RawValue> {
        self.members.iter().find(|(known, _)| *known == name).map(|(_, raw)| *raw)
    }
}

/// Counts brackets outside strings; the parser checks that they match.
fn nests_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return true;
        }
    }
    false
}

struct Members {
    names: &'static [&'static str],
}

impl<'t> Visitor<'t> for Members {
    type Value = Vec<(&'static str, &'t RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::with_capacity(self.names.len());
        while let Some(name) = map.next_key_seed(Name { names: self.names })? {
            let Some(name) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a member is repeated"));
            }
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// Decodes a member's name: one of `names`, or `None`.
struct Name {
    names: &'static [&'static str],
}

impl<'t> DeserializeSeed<'t> for Name {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.names.iter().copied().find(|known| *known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Object<'_>, Malformed> {
        Object::read(text, &["a", "b"])
    }

    #[test]
    fn only_an_object_is_read() {
        for text in ["", "[]", "null", "1", "\"a\"", "[{\"a\":1}]", "{", "{}x", "{\"a\":1}{}", "\u{feff}{}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(" { } ").is_ok());
    }

    #[test]
    fn a_member_that_is_read_may_not_be_repeated_in_any_spelling() {
        assert!(read(r#"{"a":1,"a":1}"#).is_err());
        assert!(read(r#"{"a":1,"\u0061":2}"#).is_err());
        assert!(read(r#"{"x":1,"x":2,"a":1}"#).is_ok());
    }

    #[test]
    fn nesting_ends_at_thirty_two() {
        let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(31)).is_ok());
        assert!(read(&nested(32)).is_err());
        assert!(read(&format!("{{\"x\":\"\\\"{}\"}}", "[".repeat(99))).is_ok());
    }

    #[test]
    fn values_have_their_type_or_are_rejected() {
        let object = read(r#"{"a":null,"b":1.0}"#).unwrap();
        assert_eq!(object.get::<String>("a"), Err(WrongType));
        assert_eq!(object.get::<u64>("b"), Err(WrongType));
        assert_eq!(object.get::<u64>("c"), Ok(None));
        assert!(object.has("a"));
    }
}
