//! Notification of a peer on a link that this server has dialled.

use bytes::Bytes;

/// Notification of a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice<'m> {
    /// Method.
    pub(super) method: &'m str,
    /// Encoded params.
    pub(super) params: &'m [u8],
    /// Whole message.
    pub(super) message: &'m Bytes,
}
