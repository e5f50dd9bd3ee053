//! Parsing of the path of a file.

use less_sync_core::{FileId, SpaceId};
use uuid::Uuid;

use crate::error::ApiError;

/// Prefixes of the paths for clients and for other servers.
const PREFIXES: [&str; 2] = ["/api/v1/spaces/", "/api/v1/federation/spaces/"];

/// Ids of a file and its space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) space: SpaceId,
    pub(super) file: FileId,
}

/// Space and file segments of the path of a file, not validated; `None` for other paths.
pub(crate) fn segments(path: &str) -> Option<(&str, &str)> {
    let rest = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix))?;
    let (space, rest) = rest.split_once('/')?;
    let file = rest.strip_prefix("files/")?;
    (!file.contains('/')).then_some((space, file))
}

impl Address {
    /// Parses a path without decoding percent escapes: an escaped slash makes another route (404), and an id contains none.
    pub(super) fn parse(path: &str) -> Result<Self, ApiError> {
        let (space, file) = segments(path).ok_or(ApiError::NOT_FOUND)?;
        if [space, file].iter().any(|segment| segment.to_ascii_lowercase().contains("%2f")) {
            return Err(ApiError::NOT_FOUND);
        }
        let space = id(space).ok_or(ApiError::bad_request("invalid space ID"))?;
        let file = id(file).ok_or(ApiError::bad_request("invalid file ID"))?;
        Ok(Self { space: space.into(), file: file.into() })
    }
}

/// Parses a UUID, hyphenated or as 32 digits, in any case; other forms are rejected (http §1).
pub(super) fn id(text: &str) -> Option<Uuid> {
    matches!(text.len(), 32 | 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = "7b0d9e52-1c34-4f6a-8e21-5d90ab34cd12";
    const FILE: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

    #[test]
    fn ids_are_hyphenated_or_plain_in_any_case() {
        let expected = Address { space: SPACE.parse().unwrap(), file: FILE.parse().unwrap() };
        for (space, file) in [
            (SPACE.to_owned(), FILE.to_owned()),
            (SPACE.to_uppercase(), FILE.replace('-', "")),
            (SPACE.replace('-', ""), FILE.to_uppercase()),
        ] {
            assert_eq!(Address::parse(&format!("/api/v1/spaces/{space}/files/{file}")).unwrap(), expected);
        }
    }

    #[test]
    fn other_forms_of_uuids_are_rejected() {
        let text = |space: &str, file: &str| {
            Address::parse(&format!("/api/v1/spaces/{space}/files/{file}")).unwrap_err().text().to_owned()
        };
        for bad in
            ["x", "", &format!("{{{SPACE}}}"), &format!("urn:uuid:{SPACE}"), &SPACE.replace('7', "%37")]
        {
            assert_eq!(text(bad, FILE), "invalid space ID", "{bad}");
            assert_eq!(text(SPACE, bad), "invalid file ID", "{bad}");
        }
        assert_eq!(text(SPACE, "a%2Fb"), "not found");
        assert_eq!(text("a%2fb", FILE), "not found");
    }
}
