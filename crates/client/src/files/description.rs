//! File description: content of the record that owns a file.

use less_sync_core::{FileId, hex};
use serde::{Deserialize, Serialize};

/// Value of `type` in records that describe a file.
const TYPE: &str = "less-sync-file";

/// Content of the record that owns a file, as the toolbox writes it:
///
/// ```json
/// {"type":"less-sync-file","file":"0b9c…","name":"map.png","size":4711,"sha256":"9f86…"}
/// ```
///
/// Unknown members are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDescription {
    /// Id of the file.
    pub file: FileId,
    /// Name, chosen by the uploader and not trusted: see [`FileDescription::path_name`].
    pub name: String,
    /// Size of the content, in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// Record without a file description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record does not describe a file")]
pub struct NotAFile;

#[derive(Serialize, Deserialize)]
struct Json {
    r#type: String,
    file: String,
    name: String,
    size: u64,
    sha256: String,
}

impl FileDescription {
    /// JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { file, name, size, sha256 } = self;
        let (r#type, file, sha256) = (TYPE.to_owned(), file.to_string(), hex::encode(sha256));
        serde_json::to_string(&Json { r#type, file, name: name.clone(), size: *size, sha256 })
            .unwrap_or_default()
    }

    /// Parses the content of a record.
    ///
    /// # Errors
    /// [`NotAFile`].
    pub fn from_json(content: &[u8]) -> Result<Self, NotAFile> {
        let json: Json = serde_json::from_slice(content).map_err(|_| NotAFile)?;
        let file = json.file.parse().map_err(|_| NotAFile)?;
        let sha256 = hex::decode_32(&json.sha256).ok_or(NotAFile)?;
        let description = Self { file, name: json.name, size: json.size, sha256 };
        if json.r#type == TYPE { Ok(description) } else { Err(NotAFile) }
    }

    /// Name that is safe as a file name in a directory; `None` if it contains separators or control characters.
    #[must_use]
    pub fn path_name(&self) -> Option<&str> {
        let name = self.name.as_str();
        let is_good = !matches!(name, "" | "." | "..")
            && name.len() <= 255
            && !name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\'));
        is_good.then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn described(name: &str) -> FileDescription {
        let file = FileId::from_bytes([1; 16]);
        FileDescription { file, name: name.to_owned(), size: 5, sha256: [0xab; 32] }
    }

    #[test]
    fn description_round_trips_and_other_records_are_rejected() {
        let text = described("a \"b\".txt").to_json();
        assert!(
            text.starts_with(r#"{"type":"less-sync-file","file":"01010101-0101-0101-0101-010101010101","#)
        );
        assert_eq!(FileDescription::from_json(text.as_bytes()), Ok(described("a \"b\".txt")));
        let grown = text.replace("\"size\":5", "\"size\":5,\"new\":[]");
        assert_eq!(FileDescription::from_json(grown.as_bytes()), Ok(described("a \"b\".txt")));
        for other in [
            String::new(),
            "{}".to_owned(),
            "hello".to_owned(),
            text.replace("less-sync-file", "file"),
            text.replace("\"size\":5", "\"size\":-5"),
            text.replace("abab", "ab"),
            text.replace("0101-", ""),
        ] {
            assert_eq!(FileDescription::from_json(other.as_bytes()), Err(NotAFile), "{other}");
        }
    }

    #[test]
    fn names_that_leave_their_directory_are_rejected() {
        for name in ["a", "a b.txt", ".hidden", "ü", "...", &"x".repeat(255)] {
            assert_eq!(described(name).path_name(), Some(name));
        }
        for name in [
            "",
            ".",
            "..",
            "../a",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a\nb",
            "a\0",
            "\u{1b}[2J",
            &"x".repeat(256),
        ] {
            assert_eq!(described(name).path_name(), None, "{name:?}");
        }
    }
}
