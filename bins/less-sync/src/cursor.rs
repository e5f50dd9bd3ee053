//! Parsing of cursor arguments.

use less_sync_core::Cursor;

/// Parses a cursor.
///
/// # Errors
/// Not a number, or out of range; a message for the user.
pub(crate) fn parse(text: &str) -> Result<Cursor, String> {
    let number: u64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    Cursor::new(number).map_err(|error| error.to_string())
}
