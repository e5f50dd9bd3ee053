//! Events of the driver's loop.

use less_sync_auth::Caller;
use less_sync_core::Close;

use super::running::Panicked;
use crate::call::Place;
use crate::methods::{Completed, Forwarding, Progress};
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
    Finished(Place, Result<Completed, Panicked>),
    /// A request of this lane has left it, since another server has to respond.
    Forwarded(Place, Forwarding),
    /// A stream of this lane, whose message had this size in bytes, was cancelled.
    Cancelled(Place, usize),
    /// A close was requested through the outbox.
    CloseRequested(Close),
    /// A close after the queued frames was requested through the outbox.
    FinishRequested(Close),
    /// The server stops.
    Draining,
    /// Every queued frame is written, and this close waited for that.
    Flushed(Close),
    /// A timer has expired.
    Timer,
}

impl Event {
    /// Event of a request that has ended in its lane.
    pub(super) fn of_lane(place: Place, ended: Result<Progress, Panicked>) -> Self {
        match ended {
            Ok(Progress::Completed(completed)) => Self::Finished(place, Ok(completed)),
            Ok(Progress::Forwarded(forwarding)) => Self::Forwarded(place, forwarding),
            Err(panicked) => Self::Finished(place, Err(panicked)),
        }
    }
}

/// Result of a successful handshake: the token is valid and the connection is within the limits.
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) permit: ConnectionPermit,
}
