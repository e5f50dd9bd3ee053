//! Frames of the connection, queued for printing.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use less_sync_client::Tap;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::clock;

/// Maximum frames queued for printing; further frames are dropped and counted.
const HELD: usize = 4096;

/// Message of the connection.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) time: OffsetDateTime,
    pub(super) is_sent: bool,
    pub(super) message: Bytes,
    /// Messages dropped before this one because the queue was full.
    pub(super) lost: u64,
}

/// Tap of the connection, which queues messages.
pub(super) struct FrameTap {
    frames: mpsc::Sender<Frame>,
    lost: AtomicU64,
    sent: bool,
    keepalives: bool,
}

/// Receiver of queued messages.
pub(super) struct Frames(mpsc::Receiver<Frame>);

impl Frames {
    /// Queue with its tap, for received frames, and for sent frames and keepalives if asked for.
    pub(super) fn new(sent: bool, keepalives: bool) -> (FrameTap, Self) {
        let (frames, receiver) = mpsc::channel(HELD);
        (FrameTap { frames, lost: AtomicU64::new(0), sent, keepalives }, Self(receiver))
    }

    /// Next frame; never returns without a tap. Cancel-safe.
    pub(super) async fn next(&mut self) -> Frame {
        match self.0.recv().await {
            Some(frame) => frame,
            // The tap is dropped with the session, whose end arrives as an update.
            None => std::future::pending().await,
        }
    }
}

impl FrameTap {
    fn show(&self, is_sent: bool, message: &Bytes) {
        let is_keepalive = **message == *less_sync_core::frame::KEEPALIVE;
        if is_keepalive && !self.keepalives {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let frame = Frame { time: clock::now(), is_sent, message: message.clone(), lost };
        if self.frames.try_send(frame).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

impl Tap for FrameTap {
    fn received(&self, message: &Bytes) {
        self.show(false, message);
    }

    fn sent(&self, message: &Bytes) {
        if self.sent {
            self.show(true, message);
        }
    }
}
