//! Rejections in words that say what to do.

use anyhow::Error;
use less_sync_client::{FileError, PushError};
use less_sync_core::{ErrorCode, SpaceId};

use super::place::Place;

/// Why a request for a file has no good answer.
pub(super) fn of_file(place: &Place<'_>, error: FileError) -> Error {
    let words = words(&error, place.opened.space);
    let error = Error::new(error);
    match words {
        Some(words) => error.context(words),
        None => error,
    }
}

/// Why a record was not written.
pub(super) fn of_push(place: &Place<'_>, error: PushError) -> Error {
    let is_forbidden = matches!(&error, PushError::Rejected { code, .. } if code.is(ErrorCode::Forbidden));
    let error = Error::new(error);
    if is_forbidden { error.context(no_rights(place.opened.space)) } else { error }
}

/// Whether the key of the space was changed meanwhile (http §7.2, row 17).
pub(super) fn is_stale(error: &FileError) -> bool {
    matches!(error, FileError::Rejected { error, .. } if error.contains("key generation stale"))
}

fn words(error: &FileError, space: SpaceId) -> Option<String> {
    let FileError::Rejected { status, error, .. } = error else { return None };
    match (status.as_u16(), error.as_str()) {
        (403, "files scope required") => Some("the access token does not let you near files".to_owned()),
        (403, _) => Some(no_rights(space)),
        (401, _) => {
            Some("the server does not accept the access token, or your rights in the space".to_owned())
        }
        (404, "not found") => Some("the server keeps no files".to_owned()),
        _ => None,
    }
}

fn no_rights(space: SpaceId) -> String {
    format!(
        "you have no right to do this in the space {space}: it was revoked, has run out, or is only to read"
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn rejections_say_what_is_wrong_and_others_speak_for_themselves() {
        let space = SpaceId::from_bytes([1; 16]);
        for (status, error, expected) in [
            (403, "access denied", Some("you have no right to do this in the space 01010101-")),
            (403, "files scope required", Some("the access token does not let you near files")),
            (401, "token expired", Some("the server does not accept the access token")),
            (404, "not found", Some("the server keeps no files")),
            (404, "file not found", None),
            (413, "file exceeds 100 MB limit", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let rejected = FileError::Rejected { status, error: error.to_owned(), retry_after: None };
            let words = words(&rejected, space);
            assert_eq!(words.is_some(), expected.is_some(), "{error}");
            assert!(words.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{error}");
        }
    }
}
