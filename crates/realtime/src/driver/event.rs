//! Events of the driver's loop.

use less_sync_auth::Caller;
use less_sync_core::Close;
use less_sync_core::wire::method::Lane;

use super::running::Panicked;
use crate::methods::Completed;
use crate::registry::ConnectionPermit;
use crate::session::Incoming;

/// Event that the driver waits for.
pub(super) enum Event {
    /// Input from the socket.
    Incoming(Incoming),
    /// The stream is lost.
    Gone,
    /// The handshake has finished.
    Admitted(Result<Box<Admitted>, Close>),
    /// A request of this lane has finished.
    Finished(Lane, Result<Completed, Panicked>),
    /// A close was requested through the outbox.
    CloseRequested(Close),
    /// The server stops.
    Draining,
    /// Every queued frame is written, and this close waited for that.
    Flushed(Close),
    /// A timer has expired.
    Timer,
}

/// Result of a successful handshake: the token is valid and the connection is within the limits.
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) permit: ConnectionPermit,
}
