//! Frames that leave the outbox together.

use crate::outbox::{AfterWrite, Outbox};
use crate::socket::Socket;
use tokio::io::{AsyncRead, AsyncWrite};

/// Frames moved from an outbox into the write queue of a socket.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) is_empty: bool,
    /// Messages that begin in it.
    pub(crate) messages: u64,
    /// Size of the frames, in bytes.
    pub(crate) bytes: u64,
}

impl Batch {
    /// Moves the frames that fit the write queue, so that they leave in few vectored writes. `after` carries out what follows
    /// a reply, right after its frame was moved.
    pub(crate) fn transfer<S: AsyncRead + AsyncWrite + Unpin>(
        outbox: &Outbox,
        socket: &mut Socket<S>,
        mut after: impl FnMut(AfterWrite),
    ) -> Self {
        let mut batch = Self { is_empty: true, ..Self::default() };
        while socket.may_send()
            && let Some(outgoing) = outbox.take()
        {
            batch.is_empty = false;
            batch.messages += u64::from(outgoing.part.begins_message());
            batch.bytes += outgoing.frame.len() as u64;
            socket.send(outgoing.frame, outgoing.part);
            if let Some(next) = outgoing.after {
                after(*next);
            }
        }
        batch
    }
}
