//! Tables of next steps, one for each kind of cause.

use std::error::Error;
use std::io::ErrorKind;

use less_sync_client::sharing::OfferError;
use less_sync_client::{CallError, Code, DevTokenError, FileError, PullError, PushError};
use less_sync_core::{ErrorCode, close_code};
use less_sync_keystore::KeystoreError;

use crate::advised::INVITE_AGAIN;

pub(super) const UPDATE: &str = "the versions of server and toolbox do not fit: update the older one";
pub(super) const LATER: &str = "try again later; the log of the server has the cause";

pub(super) fn upgrade(status: u16, authority: &str) -> String {
    match status {
        404 => format!("{authority} has no less-sync API at this path: check --url"),
        401 | 403 => "a proxy or the server rejects this client: check --url".to_owned(),
        429 => "too many connections of this address: close some, or try again later".to_owned(),
        _ => LATER.to_owned(),
    }
}

pub(super) fn closed(code: u16) -> Option<&'static str> {
    match code {
        close_code::TOKEN_EXPIRED => {
            Some("sign in again, and give the new token with --token or LESS_SYNC_TOKEN")
        }
        close_code::TOO_MANY_CONNECTIONS => Some("close other connections of this user, and try again"),
        close_code::RATE_LIMITED | close_code::SLOW_CONSUMER => {
            Some("try again with fewer requests at a time")
        }
        close_code::TRY_LATER | close_code::GOING_AWAY | close_code::INTERNAL => Some(LATER),
        close_code::TOO_BIG => Some("store large content with less-sync file put"),
        close_code::PROTOCOL_ERROR | close_code::WEBSOCKET_PROTOCOL | close_code::INVALID_TEXT => {
            Some(UPDATE)
        }
        _ => None,
    }
}

/// Error code of a rejected call or push, also within errors that show it in its place.
pub(super) fn code<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e Code> {
    let pushed = match cause.downcast_ref::<PushError>() {
        Some(PushError::Rejected { code, .. }) => return Some(code),
        Some(PushError::Call(call)) => Some(call),
        None => None,
    };
    let pulled = match cause.downcast_ref::<PullError>() {
        Some(PullError::Call(call)) => Some(call),
        Some(_) | None => None,
    };
    match pushed.or(pulled).or_else(|| cause.downcast_ref()) {
        Some(CallError::Failed { code, .. }) => Some(code),
        Some(CallError::Ended(_) | CallError::Timeout | CallError::Undecodable) | None => None,
    }
}

pub(super) fn known_code(code: &Code) -> &'static str {
    let Code::Known(code) = code else { return UPDATE };
    match code {
        ErrorCode::Forbidden => INVITE_AGAIN,
        ErrorCode::NotFound => "check the id, and the space in --space",
        ErrorCode::Conflict => "another device was faster: pull, and repeat the command",
        ErrorCode::EpochStale => {
            "the key of the space was rotated: repeat the command, which fetches the new one"
        }
        ErrorCode::PayloadTooLarge => {
            "a limit of the server is reached: send less at a time, or use less-sync file put"
        }
        ErrorCode::RateLimited => "a limit of the server is reached: try again later",
        ErrorCode::Internal | ErrorCode::HomeUnavailable => LATER,
        ErrorCode::InvalidParams
        | ErrorCode::BadRequest
        | ErrorCode::CursorAhead
        | ErrorCode::MethodNotFound
        | ErrorCode::HomeUntrusted
        | ErrorCode::HomeUnsupported => UPDATE,
    }
}

pub(super) fn unanswered(error: &CallError) -> Option<&'static str> {
    match error {
        CallError::Timeout => Some("the outcome is unknown: pull to see it before you repeat the command"),
        CallError::Undecodable => Some(UPDATE),
        CallError::Failed { .. } | CallError::Ended(_) => None,
    }
}

pub(super) fn dev_token(error: &DevTokenError) -> Option<&'static str> {
    match error {
        DevTokenError::NotInDevelopment => {
            Some("give a token of its issuer with --token, --token @FILE or LESS_SYNC_TOKEN")
        }
        DevTokenError::Rejected { .. } => Some("check --user, --client and the options of less-sync token"),
        DevTokenError::Response(_) | DevTokenError::Malformed(_) => {
            Some("check that --url names a less-sync server")
        }
        DevTokenError::Client(_) | DevTokenError::Request { .. } => None,
    }
}

pub(super) fn file(error: &FileError) -> Option<&'static str> {
    let FileError::Rejected { status, .. } = error else {
        return match error {
            FileError::Unreachable(_) | FileError::Stalled => {
                Some("check the connection, and repeat the command: a download continues where it ended")
            }
            FileError::Malformed(_) => Some(UPDATE),
            FileError::Rejected { .. } | FileError::Address(_) | FileError::Content(_) => None,
        };
    };
    match status.as_u16() {
        401 => {
            Some("give another token with --token, or ask an administrator of the space for a new invitation")
        }
        403 => Some(INVITE_AGAIN),
        404 => {
            Some("less-sync file ls lists the files; an operator turns files on with FILE_STORAGE_BACKEND")
        }
        409 => Some("repeat the command, which fetches the current state"),
        413 => Some("split the file, or ask the operator for a higher MAX_FILE_SIZE"),
        507 => Some("the disk of the server is full: tell its operator"),
        500.. => Some(LATER),
        _ => None,
    }
}

pub(super) fn offer(error: &OfferError) -> &'static str {
    match error {
        OfferError::Undecryptable => {
            "it was sent to another identity: give the sender the address that less-sync identity prints"
        }
        OfferError::Forged => "do not trust it: ask the sender by another way for a new one",
        OfferError::NoRights(_) => "ask the sender for a new one",
    }
}

pub(super) fn key_directory(error: &KeystoreError) -> Option<&'static str> {
    match error {
        KeystoreError::NoSpace { .. } => {
            Some("create one with less-sync space create, or join one with less-sync space accept")
        }
        KeystoreError::UnknownSpace { .. } => Some("less-sync space list shows the known ones"),
        KeystoreError::Invalid { .. } => Some("restore it from a copy, or move it away"),
        KeystoreError::NotAKey => Some("less-sync key export writes one"),
        KeystoreError::Io { source, .. } => system(source.kind()),
        KeystoreError::Exposed { .. }
        | KeystoreError::SeveralSpaces { .. }
        | KeystoreError::OtherKey { .. } => None,
    }
}

/// Steps for errors of the operating system on files.
#[expect(clippy::wildcard_enum_match_arm, reason = "other errors have no general step")]
pub(super) fn system(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::PermissionDenied => Some("check its permissions, or choose another path"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("free space on the disk, or choose another path")
        }
        ErrorKind::ReadOnlyFilesystem => Some("choose a path on a file system that can be written"),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Some("check the path"),
        ErrorKind::AlreadyExists => Some("choose another path, or move it away"),
        _ => None,
    }
}
