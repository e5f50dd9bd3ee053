//! Next steps for the errors of a first run.

use std::error::Error;
use std::io;

use less_sync_client::{DevTokenError, DialError, Ended, Interruption, ServerUrl};
use less_sync_core::close_code;

/// Rejection of the access token, if that is the cause of the error.
pub(crate) fn rejected_token(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match ended(cause) {
        Some(Ended::Closed { code: close_code::AUTH_FAILED, reason }) => {
            Some(format!("the server rejected the access token: {reason}"))
        }
        Some(Ended::Closed { .. } | Ended::ByUs | Ended::Lost(_) | Ended::Silent | Ended::Unreadable)
        | None => None,
    })
}

/// End of the connection, also within the interruption of a session, which shows its cause in its own place.
fn ended<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e Ended> {
    match cause.downcast_ref() {
        Some(Interruption::Ended(ended)) => Some(ended),
        Some(_) | None => cause.downcast_ref(),
    }
}

/// Next step of the user; `None` if there is no general one.
pub(crate) fn next_step(error: &anyhow::Error, url: &ServerUrl) -> Option<String> {
    let authority = url.authority();
    if rejected_token(error).is_some() {
        return Some(if url.is_loopback() {
            "a development server issues one: less-sync token; without --token it is requested by every command".to_owned()
        } else {
            "give another one with --token, --token @FILE or LESS_SYNC_TOKEN".to_owned()
        });
    }
    if is_refused(error) {
        let start = if url.is_loopback() {
            "start one with less-sync-server --dev, or name another one with --url"
        } else {
            "check --url"
        };
        return Some(format!("no server listens at {authority}: {start}"));
    }
    if error.chain().any(is_not_in_development) {
        return Some("give a token of its issuer with --token, --token @FILE or LESS_SYNC_TOKEN".to_owned());
    }
    if !error.chain().any(is_handshake) {
        return None;
    }
    let (spoken, other) = if url.is_encrypted() { ("https", "http") } else { ("http", "https") };
    Some(format!(
        "{authority} does not answer in {spoken}: if it speaks {other}, give --url {other}://{authority}"
    ))
}

fn is_refused(error: &anyhow::Error) -> bool {
    let refused = |cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    error.chain().any(refused)
}

fn is_not_in_development(cause: &(dyn Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(DevTokenError::NotInDevelopment))
}

/// Returns whether a connection was made and no protocol spoken over it.
fn is_handshake(cause: &(dyn Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(DialError::Handshake(_)))
        || matches!(cause.downcast_ref(), Some(Interruption::Dial(DialError::Handshake(_))))
        || matches!(cause.downcast_ref(), Some(DevTokenError::Request { .. }))
}
