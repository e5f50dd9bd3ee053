//! Display of decrypted record content.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use less_sync_client::RecordRow;

use crate::fields::Fields;

/// Adds the content of a record as `text`, or as base64 `blob` if it contains control characters or is not UTF-8.
pub(crate) fn add(line: Fields, row: &RecordRow) -> Fields {
    let Some(content) = &row.blob else { return line };
    let text = str::from_utf8(content).ok();
    match text.filter(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace())) {
        Some(text) => line.with("text", text),
        None => line.with("blob", BASE64_STANDARD.encode(content)),
    }
}

#[cfg(test)]
mod tests {
    use less_sync_core::{Cursor, RecordId};
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn printable_text_is_shown_as_text_and_other_content_as_base64() {
        for (content, expected) in [
            (Some(&b"two\nlines"[..]), r#"{"text":"two\nlines"}"#),
            (Some(b"\x1b[2J"), r#"{"blob":"G1sySg=="}"#),
            (Some(b"\xff"), r#"{"blob":"/w=="}"#),
            (None, "{}"),
        ] {
            let id = RecordId::from_bytes([1; 16]);
            let row = RecordRow { id, cursor: Cursor::ZERO, blob: content.map(Into::into), dek: None };
            assert_eq!(add(Fields::new(), &row).to_json(), expected);
        }
    }
}
