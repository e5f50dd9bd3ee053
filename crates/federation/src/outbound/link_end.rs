//! Ends of outbound links, and the close frames of this server (federation §8.4, §8.5).

use less_sync_core::{Close, close_code};

/// Reason of this server for ending a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalEnd {
    /// No calls for some time.
    Idle,
    /// Another link has taken its place.
    Replaced,
    /// The peer is not trusted any more.
    Untrusted,
    /// The server stops.
    Shutdown,
    /// The peer names another server than was dialled.
    OtherServer,
}

/// End of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LinkEnd {
    /// Close frame of the peer.
    Closed {
        /// Close code.
        code: u16,
        /// Reason.
        reason: String,
    },
    /// Loss of the socket.
    Lost,
    /// No input for too long.
    Dead,
    /// Message above the limit.
    TooBig,
    /// Message that is no frame.
    Unreadable,
    /// Ended by this server.
    ByUs(LocalEnd),
}

impl LinkEnd {
    /// Close frame to the peer; `None` when it would not arrive or has sent one itself.
    pub(super) fn close(&self) -> Option<Close> {
        match self {
            Self::Closed { .. } | Self::Lost => None,
            Self::Dead => Some(Close::IDLE),
            Self::TooBig => Some(Close::TOO_BIG),
            Self::Unreadable => Some(Close::INVALID_CBOR),
            Self::ByUs(LocalEnd::Shutdown) => Some(Close::SHUTDOWN),
            Self::ByUs(LocalEnd::OtherServer) => Some(Close::OTHER_SERVER),
            Self::ByUs(LocalEnd::Idle | LocalEnd::Replaced | LocalEnd::Untrusted) => {
                Some(Close::new(close_code::NORMAL, ""))
            }
        }
    }

    /// Text for logs.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed by the peer",
            Self::Lost => "lost",
            Self::Dead => "silent",
            Self::TooBig => "message too big",
            Self::Unreadable => "unreadable message",
            Self::ByUs(LocalEnd::Idle) => "idle",
            Self::ByUs(LocalEnd::Replaced) => "replaced",
            Self::ByUs(LocalEnd::Untrusted) => "trust revoked",
            Self::ByUs(LocalEnd::Shutdown) => "shutdown",
            Self::ByUs(LocalEnd::OtherServer) => "other server",
        }
    }
}
