//! Explanations of rejected file requests and pushes.

use anyhow::Error;
use less_sync_client::{FileError, PushError};
use less_sync_core::{ErrorCode, SpaceId};

use super::session::FileSession;

/// Adds an explanation to a failed file request.
pub(super) fn explain_file(session: &FileSession<'_>, error: FileError) -> Error {
    let explanation = explanation(&error, session.opened.space);
    let error = Error::new(error);
    match explanation {
        Some(explanation) => error.context(explanation),
        None => error,
    }
}

/// Adds an explanation to a rejected push.
pub(super) fn explain_push(session: &FileSession<'_>, error: PushError) -> Error {
    let is_forbidden = matches!(&error, PushError::Rejected { code, .. } if code.is(ErrorCode::Forbidden));
    let error = Error::new(error);
    if is_forbidden { error.context(no_permission(session.opened.space)) } else { error }
}

/// Returns whether the upload was encrypted under an epoch that is no longer current (http §7.2, row 17).
pub(super) fn is_stale_epoch(error: &FileError) -> bool {
    matches!(error, FileError::Rejected { error, .. } if error.contains("key generation stale"))
}

/// Returns whether the file exceeds the limit of the server.
pub(super) fn is_too_large(error: &FileError) -> bool {
    matches!(error, FileError::Rejected { status, .. } if status.as_u16() == 413)
}

fn explanation(error: &FileError, space: SpaceId) -> Option<String> {
    let FileError::Rejected { status, error, .. } = error else { return None };
    match (status.as_u16(), error.as_str()) {
        (403, "files scope required") => Some("the access token has no scope for files".to_owned()),
        (403, _) => Some(no_permission(space)),
        (401, _) => Some("the server rejected the access token, or your rights in the space".to_owned()),
        (404, "not found") => Some("the server does not support files".to_owned()),
        _ => None,
    }
}

fn no_permission(space: SpaceId) -> String {
    format!(
        "you have no permission for this in the space {space}: it was revoked, has expired, or is read-only"
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn common_rejections_are_explained() {
        let space = SpaceId::from_bytes([1; 16]);
        for (status, error, expected) in [
            (403, "access denied", Some("you have no permission for this in the space 01010101-")),
            (403, "files scope required", Some("the access token has no scope for files")),
            (401, "token expired", Some("the server rejected the access token")),
            (404, "not found", Some("the server does not support files")),
            (404, "file not found", None),
            (413, "file exceeds 100 MB limit", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let rejected = FileError::Rejected { status, error: error.to_owned(), retry_after: None };
            let explanation = explanation(&rejected, space);
            assert_eq!(explanation.is_some(), expected.is_some(), "{error}");
            assert!(explanation.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{error}");
        }
    }
}
