//! Changes of a space, described in a few words.

use indicatif::HumanBytes;
use less_sync_client::{FileDescription, FileRow, RecordRow};
use less_sync_core::{Cursor, SpaceId};
use serde_json::Value;

use crate::palette::Tone;

/// Width of a short id, in characters.
pub(super) const SHORT_ID: usize = 8;

/// Change of a space, or something that happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Position in the space.
    pub(super) cursor: Option<Cursor>,
    /// Content or event.
    pub(super) subject: String,
    /// Tone of the subject.
    pub(super) tone: Tone,
    /// Size and state of the ciphertext.
    pub(super) note: String,
    /// Short id of the record, file or peer.
    pub(super) id: String,
}

impl Change {
    /// Record with its decrypted content. `sealed` is the size of its ciphertext; `None` for content shown as it is stored.
    pub(crate) fn record(row: &RecordRow, sealed: Option<usize>) -> Self {
        let (cursor, id) = (Some(row.cursor), short(&row.id.to_string()));
        let Some(content) = &row.blob else {
            return Self {
                cursor,
                subject: "deleted".to_owned(),
                tone: Tone::Alarm,
                note: String::new(),
                id,
            };
        };
        let note = match sealed {
            Some(size) => format!("{} sealed", bytes(size as u64)),
            None => format!("{} stored", bytes(content.len() as u64)),
        };
        Self { cursor, subject: subject(content), tone: Tone::Clear, note, id }
    }

    /// File, whose name is in its record.
    pub(crate) fn file(cursor: Cursor, file: &FileRow) -> Self {
        let (subject, note) = if file.deleted {
            ("file deleted", String::new())
        } else {
            ("file stored", format!("{} sealed", bytes(file.size)))
        };
        let (subject, id) = (subject.to_owned(), short(&file.id.to_string()));
        Self { cursor: Some(cursor), subject, tone: Tone::Title, note, id }
    }

    /// Entries of the membership log, with the size of their ciphertext.
    pub(crate) fn membership(cursor: Cursor, entries: usize, size: usize) -> Self {
        let subject = match entries {
            1 => "membership changed".to_owned(),
            several => format!("membership changed, {several} entries"),
        };
        let note = format!("{} sealed", bytes(size as u64));
        Self { cursor: Some(cursor), subject, tone: Tone::Title, note, id: String::new() }
    }

    /// Something that a present peer said or did. `sealed` is the size of its ciphertext.
    pub(crate) fn peer(what: &str, content: Option<&str>, peer: &str, sealed: usize) -> Self {
        let content = content.filter(|content| !content.is_empty()).map(quoted);
        let subject = content.map_or_else(|| what.to_owned(), |content| format!("{what}: {content}"));
        let note = if sealed == 0 { String::new() } else { format!("{} sealed", bytes(sealed as u64)) };
        Self { cursor: None, subject, tone: Tone::Name, note, id: short(peer) }
    }
}

/// Short id of a space, in place of its name.
pub(crate) fn space_id(space: SpaceId) -> String {
    short(&space.to_string())
}

/// First characters of an id.
fn short(id: &str) -> String {
    id.chars().take(SHORT_ID).collect()
}

fn subject(content: &[u8]) -> String {
    if let Ok(file) = FileDescription::from_json(content) {
        let name = file.name.replace(|c: char| c.is_control(), "");
        return format!("{name} ({})", bytes(file.size));
    }
    match printable(content) {
        Some(text) => quoted(text),
        None => format!("binary, {}", bytes(content.len() as u64)),
    }
}

/// Text without control characters.
pub(crate) fn printable(content: &[u8]) -> Option<&str> {
    let text = str::from_utf8(content).ok();
    text.filter(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()))
}

/// Text as a JSON string, without the newline at its end.
fn quoted(text: &str) -> String {
    Value::from(text.strip_suffix('\n').unwrap_or(text)).to_string()
}

fn bytes(size: u64) -> String {
    HumanBytes(size).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_described_by_what_it_is() {
        for (content, expected) in [
            (&b"hello\n"[..], "\"hello\""),
            (b"two\nlines\n", "\"two\\nlines\""),
            (b"", "\"\""),
            (b"\xff\xfe", "binary, 2 B"),
            (b"\x1b[2J", "binary, 4 B"),
        ] {
            assert_eq!(subject(content), expected);
        }
        let file = "{\"type\":\"less-sync-file\",\"file\":\"5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60\",\"name\":\"a\\u001bb.txt\",\
                    \"size\":2048,\"sha256\":\"abababababababababababababababababababababababababababababababab\"}";
        assert_eq!(subject(file.as_bytes()), "ab.txt (2.00 KiB)");
    }

    #[test]
    fn peers_are_described_with_and_without_content() {
        assert_eq!(Change::peer("is here", Some("typing"), "peer", 40).subject, "is here: \"typing\"");
        assert_eq!(Change::peer("left", None, "peer", 0).subject, "left");
    }
}
