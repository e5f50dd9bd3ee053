//! What the record says that owns a file.

use less_sync_core::{FileId, hex};
use serde::{Deserialize, Serialize};

/// Of all records, those with this type describe a file.
const TYPE: &str = "less-sync-file";

/// The content of the record that owns a file, as the toolbox writes it:
///
/// ```json
/// {"type":"less-sync-file","file":"0b9c…","name":"map.png","size":4711,"sha256":"9f86…"}
/// ```
///
/// Other members are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDescription {
    /// Which file.
    pub file: FileId,
    /// What it is called: by whoever wrote it, so see [`FileDescription::path_name`].
    pub name: String,
    /// Bytes of content.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// A record that describes no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it describes no file")]
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
    /// As a record has it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { file, name, size, sha256 } = self;
        let (r#type, file, sha256) = (TYPE.to_owned(), file.to_string(), hex::encode(sha256));
        serde_json::to_string(&Json { r#type, file, name: name.clone(), size: *size, sha256 })
            .unwrap_or_default()
    }

    /// The description in the content of a record.
    ///
    /// # Errors
    /// It is a record of another kind.
    pub fn from_json(content: &[u8]) -> Result<Self, NotAFile> {
        let json: Json = serde_json::from_slice(content).map_err(|_| NotAFile)?;
        let file = json.file.parse().map_err(|_| NotAFile)?;
        let sha256 = hex::decode_32(&json.sha256).ok_or(NotAFile)?;
        let description = Self { file, name: json.name, size: json.size, sha256 };
        if json.r#type == TYPE { Ok(description) } else { Err(NotAFile) }
    }

    /// The name as that of a file in some directory; `None` when it would lead anywhere else, or could not be shown.
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
    fn a_description_survives_and_other_records_are_none() {
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
    fn only_a_name_that_stays_in_its_directory_is_one() {
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
