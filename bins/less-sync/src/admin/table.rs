//! Tables of JSON objects: aligned columns for people, one object per line for programs.

use anyhow::Context as _;
use serde_json::Value;

use super::format;
use crate::output::write_bare;

/// Text form of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text, number or flag as it is; `-` for none.
    Plain,
    /// First 12 characters of an id.
    Short,
    /// Number of bytes.
    Bytes,
    /// Number.
    Count,
    /// Number with a unit, such as a rate.
    Rate,
    /// Seconds, below a minute with a fraction.
    Duration,
    /// Seconds.
    Age,
    /// Unix time in milliseconds.
    Time,
}

impl Form {
    /// True for values that are aligned to the right.
    pub(crate) fn is_number(self) -> bool {
        !matches!(self, Self::Plain | Self::Short | Self::Time)
    }
}

/// Column of a table: title, JSON pointer of its values, and their form.
pub(crate) type Column = (&'static str, &'static str, Form);

/// Prints the rows: a table with a line of titles, or JSON. Nothing but the titles for no rows.
pub(super) fn print(rows: &[Value], columns: &[Column], json: bool) -> anyhow::Result<()> {
    const FAILED: &str = "cannot write to standard output";
    if json {
        return rows.iter().try_for_each(|row| write_bare(&row.to_string()).context(FAILED));
    }
    let shown = std::iter::once(true).chain(columns.iter().skip(1).map(|(_, pointer, _)| {
        // A column that no row has, such as the user without --reveal.
        rows.is_empty() || rows.iter().any(|row| row.pointer(pointer).is_some())
    }));
    let columns: Vec<Column> =
        columns.iter().zip(shown).filter(|(_, shown)| *shown).map(|(column, _)| *column).collect();
    lines(rows, &columns).iter().try_for_each(|line| write_bare(line).context(FAILED))
}

/// Array member of an answer; empty if it is missing.
pub(super) fn rows<'v>(answer: &'v Value, name: &str) -> &'v [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

fn lines(rows: &[Value], columns: &[Column]) -> Vec<String> {
    let titles: Vec<String> = columns.iter().map(|(title, ..)| (*title).to_owned()).collect();
    let cells = rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect());
    let table: Vec<Vec<String>> = std::iter::once(titles).chain(cells).collect();
    let width = |at: usize| table.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(columns).map(|((cell, width), (.., form))| {
            let width = *width;
            if form.is_number() { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    table.iter().map(line).collect()
}

/// Text of a row in a column.
pub(crate) fn cell(row: &Value, (_, pointer, form): &Column) -> String {
    let value = row.pointer(pointer).unwrap_or(&Value::Null);
    match (form, value) {
        (_, Value::Null) => "-".to_owned(),
        (Form::Bytes, number) => format::bytes(number.as_f64().unwrap_or(0.0)),
        (Form::Count, Value::Number(number)) => format!("{:.0}", number.as_f64().unwrap_or(0.0)),
        (Form::Rate, number) => format::count(number.as_f64().unwrap_or(0.0)),
        (Form::Duration, number) => format::duration(number.as_f64().unwrap_or(0.0)),
        (Form::Short, Value::String(text)) => printable(text).chars().take(12).collect(),
        (Form::Age, number) => format::age(number.as_f64().unwrap_or(0.0)),
        (Form::Time, number) => format::time(number.as_i64().unwrap_or(0)),
        (Form::Plain | Form::Count, Value::String(text)) => printable(text),
        (Form::Plain | Form::Short | Form::Count, other) => other.to_string(),
    }
}

/// The text without control characters: ids of users and methods are chosen by others.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_are_right() {
        let rows =
            [json!({ "id": "a", "size": 1536, "age": 61.0 }), json!({ "id": "longer\u{1b}", "size": 3 })];
        let columns =
            [("ID", "/id", Form::Plain), ("SIZE", "/size", Form::Bytes), ("AGE", "/age", Form::Age)];
        let expected =
            ["ID          SIZE    AGE", "a        1.5 KiB  1m01s", "longer\u{fffd}      3 B      -"];
        assert_eq!(lines(&rows, &columns), expected);
    }
}
