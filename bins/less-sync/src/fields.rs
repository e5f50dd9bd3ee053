//! Line of output: `key=value …` or a JSON object.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

/// Named values, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(Cow<'static, str>, Value)>);

impl Fields {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a member.
    pub(crate) fn with(self, key: &'static str, value: impl Into<Value>) -> Self {
        self.with_named(key, value)
    }

    /// Adds a member with a dynamic name.
    pub(crate) fn with_named(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.0.push((key.into(), value.into()));
        self
    }

    /// Adds a member unless its value is `None`.
    pub(crate) fn with_some(self, key: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Text form; values that need quotes are JSON strings.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.0 {
            let separator = if text.is_empty() { "" } else { " " };
            let _infallible = match value {
                Value::String(value) => write!(text, "{separator}{key}={}", quoted(value)),
                other @ (Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_)) => write!(text, "{separator}{key}={other}"),
            };
        }
        text
    }

    /// JSON form. Written by hand, because a `serde_json` map would sort the members.
    pub(crate) fn to_json(&self) -> String {
        let members: Vec<String> =
            self.0.iter().map(|(key, value)| format!("{}:{value}", Value::from(key.as_ref()))).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Plain text, or a JSON string if it is empty or contains whitespace, quotes or control characters.
fn quoted(text: &str) -> String {
    let is_plain =
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::Fields;

    #[test]
    fn both_forms_are_unambiguous() {
        let line = Fields::new()
            .with("record", "abc")
            .with("size", 12)
            .with_some("cursor", None::<u64>)
            .with("source", "my \"file\".txt")
            .with("empty", "");
        assert_eq!(line.to_text(), r#"record=abc size=12 source="my \"file\".txt" empty="""#);
        assert_eq!(line.to_json(), r#"{"record":"abc","size":12,"source":"my \"file\".txt","empty":""}"#);
    }
}
