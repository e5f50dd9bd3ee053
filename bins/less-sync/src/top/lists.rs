//! Lists of the dashboard: their columns, their orders, and their rows as text.

use serde_json::Value;

use super::figures::Method;
use crate::admin::{Form, cell};

/// List that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum List {
    #[default]
    Methods,
    Connections,
    Spaces,
    SlowConsumers,
    Denials,
}

impl List {
    pub(super) const ALL: [Self; 5] =
        [Self::Methods, Self::Connections, Self::Spaces, Self::SlowConsumers, Self::Denials];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Methods => "Methods",
            Self::Connections => "Connections",
            Self::Spaces => "Spaces",
            Self::SlowConsumers => "Slow consumers",
            Self::Denials => "Denials",
        }
    }

    /// Columns: title, JSON pointer, form, and width in characters.
    pub(super) const fn columns(self) -> &'static [(&'static str, &'static str, Form, u16)] {
        match self {
            Self::Methods => &[
                ("METHOD", "/method", Form::Plain, 22),
                ("RATE", "/rate", Form::Rate, 8),
                ("ERRORS", "/errors", Form::Rate, 8),
                ("P50", "/p50", Form::Duration, 9),
                ("P99", "/p99", Form::Duration, 9),
                ("TOTAL", "/total", Form::Rate, 9),
            ],
            Self::Connections => &[
                ("CONNECTION", "/id", Form::Short, 13),
                ("ACTOR", "/actor", Form::Short, 13),
                ("AGE", "/age_seconds", Form::Age, 7),
                ("SPACES", "/subscriptions", Form::Rate, 7),
                ("EVENTS", "/queued_bytes/event", Form::Bytes, 9),
                ("IN", "/bytes_in", Form::Bytes, 9),
                ("OUT", "/bytes_out", Form::Bytes, 9),
            ],
            Self::Spaces => &[
                ("SPACE", "/id", Form::Short, 13),
                ("KIND", "/kind", Form::Plain, 8),
                ("BYTES", "/stored_bytes", Form::Bytes, 9),
                ("RECORDS", "/rows/records", Form::Rate, 8),
                ("FILES", "/rows/files", Form::Rate, 6),
                ("WATCHERS", "/watchers", Form::Rate, 9),
                ("REWRAP", "/rewrap_epoch", Form::Rate, 7),
            ],
            Self::SlowConsumers => &[
                ("CONNECTION", "/id", Form::Short, 13),
                ("ACTOR", "/actor", Form::Short, 13),
                ("QUEUED", "/event_bytes", Form::Bytes, 9),
                ("AGE", "/age_seconds", Form::Age, 7),
                ("CLOSED", "/at_ms", Form::Time, 20),
            ],
            Self::Denials => &[
                ("TIME", "/at_ms", Form::Time, 20),
                ("OPERATION", "/operation", Form::Plain, 16),
                ("CODE", "/code", Form::Plain, 10),
                ("RULE", "/rule", Form::Plain, 24),
            ],
        }
    }
}

/// A method as a row.
pub(super) fn method_row(method: &Method) -> Value {
    serde_json::json!({
        "method": method.name,
        "rate": method.rate,
        "errors": method.errors,
        "p50": method.p50,
        "p99": method.p99,
        "total": method.total,
    })
}

/// Sorts rows by a column: numbers descending, texts ascending; rows without a value last.
pub(super) fn sort(rows: &mut [Value], pointer: &str) {
    rows.sort_by(|one, other| match (one.pointer(pointer), other.pointer(pointer)) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => {
            other.as_f64().unwrap_or(0.0).total_cmp(&one.as_f64().unwrap_or(0.0))
        }
        (Some(Value::String(one)), Some(Value::String(other))) => one.cmp(other),
        (one, other) => is_absent(one).cmp(&is_absent(other)),
    });
}

fn is_absent(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

/// Cells of a row, in the order of the columns of its list.
pub(super) fn cells(list: List, row: &Value) -> Vec<String> {
    list.columns().iter().map(|(title, pointer, form, _)| cell(row, &(*title, *pointer, *form))).collect()
}

/// All members of a row, one line each, for its details.
pub(super) fn details(row: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    collect(row, "", &mut lines);
    lines
}

fn collect(value: &Value, name: &str, lines: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                collect(value, &name, lines);
            }
        }
        Value::String(text) => {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            lines.push(format!("{name}: {text}"));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, name, lines)),
        Value::Null => lines.push(format!("{name}: -")),
        other @ (Value::Bool(_) | Value::Number(_)) => {
            lines.push(format!("{name}: {other}"));
        }
    }
}
