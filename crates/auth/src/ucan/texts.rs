//! Decoding of text lists of which only the first entry is used.

use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

/// JSON list of texts: its first entry and its length. The other entries are validated and dropped, so memory
/// does not grow with the length.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) first: Option<String>,
    pub(super) count: usize,
}

/// JSON list of texts, or a single text that stands for a list of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TextOrTexts(pub(super) Texts);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TextsVisitor)
    }
}

impl<'de> Deserialize<'de> for TextOrTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor).map(Self)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts { first: Some(text.to_owned()), count: 1 })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        let first = list.next_element::<String>()?;
        let mut count = usize::from(first.is_some());
        while list.next_element::<String>()?.is_some() {
            count += 1;
        }
        Ok(Texts { first, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(first: Option<&str>, count: usize) -> Texts {
        Texts { first: first.map(str::to_owned), count }
    }

    #[test]
    fn the_first_is_kept_and_all_are_counted() {
        for (json, expected) in [
            ("[]", texts(None, 0)),
            (r#"["a"]"#, texts(Some("a"), 1)),
            (r#"["\u0061","b","c"]"#, texts(Some("a"), 3)),
        ] {
            assert_eq!(serde_json::from_str::<Texts>(json).unwrap(), expected, "{json}");
            assert_eq!(serde_json::from_str::<TextOrTexts>(json).unwrap().0, expected, "{json}");
        }
        assert_eq!(serde_json::from_str::<TextOrTexts>(r#""a""#).unwrap().0, texts(Some("a"), 1));
    }

    #[test]
    fn values_other_than_text_are_rejected_at_any_position() {
        for json in ["null", "7", "{}", "[7]", r#"["a",null]"#, r#"["a",["b"]]"#] {
            assert!(serde_json::from_str::<Texts>(json).is_err(), "{json}");
            assert!(serde_json::from_str::<TextOrTexts>(json).is_err(), "{json}");
        }
        assert!(serde_json::from_str::<Texts>(r#""a""#).is_err());
    }
}
