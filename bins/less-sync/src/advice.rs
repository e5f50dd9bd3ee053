//! Next steps for the errors of a first run.

mod steps;

use std::error::Error;
use std::io;

use less_sync_client::{
    CallError, DevTokenError, DialError, Ended, Interruption, ServerUrl, is_certificate_error,
};
use less_sync_core::close_code;
use less_sync_keystore::KeystoreError;

use crate::advised::Advised;
use steps::{
    UPDATE, closed, code, dev_token, file, key_directory, known_code, offer, system, unanswered, upgrade,
};

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

/// Next step of the user; `None` if the text of the error names it, or there is no general one.
pub(crate) fn next_step(error: &anyhow::Error, url: &ServerUrl) -> Option<String> {
    let authority = url.authority();
    if rejected_token(error).is_some() {
        return Some(if url.is_loopback() {
            "a development server issues one: less-sync token; without --token it is requested by every command".to_owned()
        } else {
            "log in again with less-sync login, or give another one with --token, --token @FILE or LESS_SYNC_TOKEN".to_owned()
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
    if error.chain().any(is_certificate_error) {
        return Some(format!(
            "the certificate of {authority} is not valid for this machine: check --url, the clock, and the trusted certificates \
             of the system"
        ));
    }
    if error.chain().any(is_handshake) {
        let (spoken, other) = if url.is_encrypted() { ("https", "http") } else { ("http", "https") };
        return Some(format!(
            "{authority} does not answer in {spoken}: if it speaks {other}, give --url {other}://{authority}"
        ));
    }
    error.chain().find_map(|cause| step_of(cause, &authority))
}

/// Next step after one cause.
fn step_of(cause: &(dyn Error + 'static), authority: &str) -> Option<String> {
    let network = || format!("check --url, and that this machine reaches {authority}");
    if let Some(dial) = dial(cause) {
        return match dial {
            DialError::Resolve(_) => Some("check the host name in --url".to_owned()),
            DialError::Connect(_) | DialError::Timeout => Some(network()),
            DialError::Rejected { status, .. } => Some(upgrade(*status, authority)),
            DialError::Subprotocol => Some(UPDATE.to_owned()),
            DialError::Tls(_) => {
                Some("install the trusted certificates of the system (ca-certificates)".to_owned())
            }
            DialError::Handshake(_) | DialError::Request(_) => None,
        };
    }
    if let Some(ended) = ended(cause) {
        return match ended {
            Ended::Closed { code, .. } => closed(*code).map(str::to_owned),
            Ended::Lost(_) | Ended::Silent => Some(network()),
            Ended::Unreadable => Some(UPDATE.to_owned()),
            Ended::ByUs => None,
        };
    }
    if let Some(code) = code(cause) {
        return Some(known_code(code).to_owned());
    }
    let step = match (cause.downcast_ref::<Advised>(), cause.downcast_ref::<KeystoreError>()) {
        (Some(advised), _) => Some(advised.step()),
        (None, Some(keystore)) => key_directory(keystore),
        (None, None) => None,
    };
    let step = step
        .or_else(|| cause.downcast_ref().and_then(dev_token))
        .or_else(|| cause.downcast_ref().and_then(file))
        .or_else(|| cause.downcast_ref().map(offer))
        .or_else(|| cause.downcast_ref::<CallError>().and_then(unanswered))
        .or_else(|| cause.downcast_ref::<io::Error>().and_then(|error| system(error.kind())));
    step.map(str::to_owned)
}

/// Failed dial, also within the interruption of a session.
fn dial<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e DialError> {
    match cause.downcast_ref() {
        Some(Interruption::Dial(dial)) => Some(dial),
        Some(_) | None => cause.downcast_ref(),
    }
}

fn is_refused(error: &anyhow::Error) -> bool {
    let refused = |cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    error.chain().any(refused)
}

/// Returns whether a connection was made and no protocol spoken over it.
fn is_handshake(cause: &(dyn Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(DialError::Handshake(_)))
        || matches!(cause.downcast_ref(), Some(Interruption::Dial(DialError::Handshake(_))))
        || matches!(cause.downcast_ref(), Some(DevTokenError::Request { .. }))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use anyhow::anyhow;
    use less_sync_client::sharing::OfferError;
    use less_sync_client::{Code, FileError, PullError, PushError};
    use less_sync_core::{Cursor, SpaceId};
    use reqwest::StatusCode;

    use super::*;

    fn failed(code: &str) -> CallError {
        CallError::Failed { code: Code::from(code), message: String::new() }
    }

    fn end(code: u16) -> Ended {
        Ended::Closed { code, reason: String::new() }
    }

    fn rejected(status: u16) -> FileError {
        let status = StatusCode::from_u16(status).unwrap();
        FileError::Rejected { status, error: String::new(), retry_after: None }
    }

    fn keys(kind: ErrorKind) -> KeystoreError {
        KeystoreError::Io { operation: "write", path: "/keys".into(), source: kind.into() }
    }

    #[test]
    fn errors_of_the_user_have_a_next_step() {
        let url = ServerUrl::parse("https://sync.example").unwrap();
        let directory = || "/keys".into();
        let space = SpaceId::from_bytes([1; 16]);
        let refused = || io::Error::from(ErrorKind::ConnectionRefused);
        for (error, step) in [
            (anyhow!(DialError::Connect(refused())), "no server listens at sync.example:443: check --url"),
            (anyhow!(DialError::Resolve(ErrorKind::NotFound.into())), "check the host name in --url"),
            (anyhow!(DialError::Connect(ErrorKind::TimedOut.into())), "reaches sync.example:443"),
            (anyhow!(DialError::Timeout), "reaches sync.example:443"),
            (anyhow!(Interruption::Dial(DialError::Timeout)), "reaches sync.example:443"),
            (
                anyhow!(DialError::Handshake(std::sync::Arc::new(io::Error::other("no HTTP")))),
                "give --url http://sync.example:443",
            ),
            (anyhow!(DialError::Rejected { status: 404, retry_after: None }), "no less-sync API"),
            (anyhow!(DialError::Rejected { status: 429, retry_after: None }), "too many connections"),
            (anyhow!(DialError::Rejected { status: 503, retry_after: None }), "try again later"),
            (anyhow!(DialError::Subprotocol), "update the older one"),
            (anyhow!(end(close_code::AUTH_FAILED)), "give another one with --token"),
            (anyhow!(CallError::Ended(end(close_code::AUTH_FAILED))), "give another one with --token"),
            (anyhow!(end(close_code::TOKEN_EXPIRED)), "sign in again"),
            (anyhow!(end(close_code::TOO_MANY_CONNECTIONS)), "close other connections"),
            (anyhow!(end(close_code::GOING_AWAY)), "try again later"),
            (anyhow!(Interruption::Ended(end(close_code::TRY_LATER))), "try again later"),
            (anyhow!(Ended::Lost(None)), "reaches sync.example:443"),
            (anyhow!(CallError::Ended(Ended::Silent)), "reaches sync.example:443"),
            (anyhow!(failed("forbidden")), "new invitation"),
            (anyhow!(failed("not_found")), "check the id"),
            (anyhow!(failed("conflict")), "pull, and repeat"),
            (anyhow!(failed("epoch_stale")), "repeat the command"),
            (anyhow!(failed("rate_limited")), "try again later"),
            (anyhow!(failed("internal")), "the log of the server"),
            (anyhow!(failed("of a later version")), "update the older one"),
            (anyhow!(PullError::Call(failed("forbidden"))), "new invitation"),
            (anyhow!(PushError::Call(failed("internal"))), "the log of the server"),
            (
                anyhow!(PushError::Rejected { code: Code::from("payload_too_large"), cursor: Cursor::ZERO }),
                "less-sync file put",
            ),
            (anyhow!(CallError::Timeout), "the outcome is unknown"),
            (anyhow!(DevTokenError::NotInDevelopment), "give a token of its issuer"),
            (
                anyhow!(DevTokenError::Rejected { status: StatusCode::BAD_REQUEST, message: String::new() }),
                "check --user",
            ),
            (anyhow!(rejected(401)), "another token"),
            (anyhow!(rejected(403)), "new invitation"),
            (anyhow!(rejected(413)), "MAX_FILE_SIZE"),
            (anyhow!(rejected(507)), "disk of the server is full"),
            (anyhow!(rejected(503)), "try again later"),
            (anyhow!(FileError::Stalled), "continues where it ended"),
            (anyhow!(OfferError::Undecryptable), "less-sync identity"),
            (anyhow!(KeystoreError::NoSpace { directory: directory() }), "less-sync space create"),
            (anyhow!(KeystoreError::UnknownSpace { space, directory: directory() }), "less-sync space list"),
            (anyhow!(KeystoreError::NotAKey), "less-sync key export"),
            (anyhow!(keys(ErrorKind::PermissionDenied)), "permissions"),
            (anyhow!(keys(ErrorKind::StorageFull)), "free space"),
            (anyhow!(io::Error::from(ErrorKind::StorageFull)).context("cannot write x"), "free space"),
            (anyhow!(io::Error::from(ErrorKind::NotFound)).context("cannot read x"), "check the path"),
            (crate::advised::no_access(), "less-sync space list"),
        ] {
            let shown = format!("{error:#}");
            let found = next_step(&error.context("outermost"), &url);
            assert!(found.as_ref().is_some_and(|found| found.contains(step)), "{shown}: {found:?}");
        }
        assert_eq!(next_step(&anyhow!("anything else"), &url), None);
    }
}
