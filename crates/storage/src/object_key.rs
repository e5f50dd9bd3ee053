//! Names of objects in the object store (storage §4.1).

use std::fmt;

use less_sync_core::{FileId, SpaceId};
use uuid::Uuid;

/// Prefix of all objects.
const PREFIX: &str = "spaces/";

/// Attempt to upload a file.
///
/// Random, and fresh for each attempt: two uploads of one file never touch the same object, and nothing ever overwrites
/// an object that a row points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Uuid);

impl UploadId {
    /// The id with these bytes, as an adapter keeps it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Raw value, sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The name of an object: `spaces/{space}/files/{file}.{upload}`, or without the last part where the original wrote it.
///
/// Ids are in lower case and with hyphens. The local directory and the bucket share the scheme.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    space: SpaceId,
    file: FileId,
    upload: Option<UploadId>,
}

/// Name that is not the text of an [`ObjectKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an object")]
pub struct InvalidObjectKey;

impl ObjectKey {
    /// Key of an upload attempt.
    #[must_use]
    pub const fn attempt(space: SpaceId, file: FileId, upload: UploadId) -> Self {
        Self { space, file, upload: Some(upload) }
    }

    /// Key in the layout of the original; a row without a key of its own points to it.
    #[must_use]
    pub const fn legacy(space: SpaceId, file: FileId) -> Self {
        Self { space, file, upload: None }
    }

    /// The key with this text, which must be the one that [`ObjectKey`] is displayed as.
    ///
    /// # Errors
    /// [`InvalidObjectKey`] for everything else, other spellings of the same ids included.
    pub fn parse(text: &str) -> Result<Self, InvalidObjectKey> {
        let key = Self::split(text).ok_or(InvalidObjectKey)?;
        if key.to_string() == text { Ok(key) } else { Err(InvalidObjectKey) }
    }

    fn split(text: &str) -> Option<Self> {
        let (space, name) = text.strip_prefix(PREFIX)?.split_once("/files/")?;
        let (file, upload) = match name.split_once('.') {
            Some((file, upload)) => (file, Some(UploadId(Uuid::try_parse(upload).ok()?))),
            None => (name, None),
        };
        let id = |text| Uuid::try_parse(text).map(Uuid::into_bytes).ok();
        Some(Self { space: SpaceId::from_bytes(id(space)?), file: FileId::from_bytes(id(file)?), upload })
    }

    /// The space of the file.
    #[must_use]
    pub const fn space(&self) -> SpaceId {
        self.space
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> FileId {
        self.file
    }

    /// Name of the object without its space, for logs: file and upload attempt.
    #[must_use]
    pub fn without_space(&self) -> String {
        self.upload.map_or_else(|| self.file.to_string(), |upload| format!("{}.{upload}", self.file))
    }

    /// The attempt that wrote it; none where the original did.
    #[must_use]
    pub const fn upload(&self) -> Option<UploadId> {
        self.upload
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}/files/{}", self.space, self.file)?;
        self.upload.map_or(Ok(()), |upload| write!(f, ".{upload}"))
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([0xab; 16]);
    const FILE: FileId = FileId::from_bytes([2; 16]);

    #[test]
    fn keys_come_back_as_they_went() {
        let ours = ObjectKey::attempt(SPACE, FILE, UploadId::from_bytes([3; 16]));
        let text = "spaces/abababab-abab-abab-abab-abababababab/files/02020202-0202-0202-0202-020202020202";
        assert_eq!(ObjectKey::legacy(SPACE, FILE).to_string(), text);
        assert_eq!(ours.to_string(), format!("{text}.03030303-0303-0303-0303-030303030303"));
        for key in [ours, ObjectKey::legacy(SPACE, FILE)] {
            assert_eq!(ObjectKey::parse(&key.to_string()), Ok(key));
        }
    }

    #[test]
    fn other_names_are_no_keys() {
        let good = ObjectKey::attempt(SPACE, FILE, UploadId::from_bytes([3; 16])).to_string();
        for bad in [
            String::new(),
            "spaces/".to_owned(),
            good.to_uppercase(),
            good.replace("abababab-", "ABABABAB-"),
            good.replace("02020202-0202-0202-0202-020202020202", "02020202020202020202020202020202"),
            format!("{good}#1"),
            format!("/{good}"),
            format!("{good}.03030303-0303-0303-0303-030303030303"),
            good.replace("/files/", "/filez/"),
            good.replace("/files/", "/files/../"),
        ] {
            assert_eq!(ObjectKey::parse(&bad), Err(InvalidObjectKey), "{bad}");
        }
    }
}
