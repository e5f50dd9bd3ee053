//! Cursors on the command line.

use less_sync_core::Cursor;

/// A number that a cursor can have.
///
/// # Errors
/// It is none; the text is for people.
pub(crate) fn parse(text: &str) -> Result<Cursor, String> {
    let number: u64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    Cursor::new(number).map_err(|error| error.to_string())
}
