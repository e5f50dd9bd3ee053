//! Display of record content.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use less_sync_client::RecordRow;

use crate::fields::Fields;
use crate::output::Output;
use crate::people::printable;

/// Adds the content of a record as `text`. Content with control characters, or that is not UTF-8, is a base64 `blob` in JSON, and
/// only marked as `binary` on a terminal. A wrapped key, of a record that was not decrypted, is in JSON only.
pub(crate) fn add(line: Fields, row: &RecordRow, output: Output) -> Fields {
    let dek = row.dek.as_ref().filter(|_| output.is_json()).map(|dek| BASE64_STANDARD.encode(dek));
    let Some(content) = &row.blob else { return line };
    let line = match printable(content) {
        Some(text) => line.with("text", text),
        None if output.is_json() => line.with("blob", BASE64_STANDARD.encode(content)),
        None => line.with("binary", true),
    };
    line.with_some("dek", dek)
}

#[cfg(test)]
mod tests {
    use less_sync_core::{Cursor, RecordId};
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn printable_text_is_shown_as_text_and_other_content_in_json_only() {
        for (content, dek, text, json) in [
            (Some(&b"two\nlines"[..]), None, r#"text="two\nlines""#, r#"{"text":"two\nlines"}"#),
            (Some(b"\x1b[2J"), None, "binary=true", r#"{"blob":"G1sySg=="}"#),
            (Some(b"\xff"), Some(&b"key"[..]), "binary=true", r#"{"blob":"/w==","dek":"a2V5"}"#),
            (None, None, "", "{}"),
        ] {
            let id = RecordId::from_bytes([1; 16]);
            let (blob, dek) = (content.map(Into::into), dek.map(Into::into));
            let row = RecordRow { id, cursor: Cursor::ZERO, blob, dek };
            assert_eq!(add(Fields::new(), &row, Output::new(false)).to_text(), text);
            assert_eq!(add(Fields::new(), &row, Output::new(true)).to_json(), json);
        }
    }
}
