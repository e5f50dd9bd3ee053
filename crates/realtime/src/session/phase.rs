//! States of a connection (protocol §6.1).

use std::time::Instant;

use less_sync_core::Close;

/// State of the connection (protocol §6.1), with its deadline `until`.
#[derive(Debug)]
pub(super) enum Phase {
    /// Waits for the auth frame.
    AwaitAuth { until: Instant },
    /// The driver validates the token.
    Validating { until: Instant },
    /// Calls are accepted.
    Active,
    /// No call starts any more. `is_finishing`: the flush has been requested already, or another component will close.
    Draining { close: Close, until: Instant, is_finishing: bool },
    /// A close frame was sent; its echo is awaited.
    Closing { until: Instant },
    /// The socket is to be released.
    Ended,
}
