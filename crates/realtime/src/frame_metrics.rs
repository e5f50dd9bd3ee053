//! Counters of frames and bytes, and sizes of the outbound queues (operations §7.2).

use less_sync_metrics::{Counter, Histogram, Registry};

use crate::session::Incoming;

/// Queues of an outbox, in the order of [`Outbox::queued_bytes`](crate::outbox::Outbox::queued_bytes).
const QUEUES: [&str; 3] = ["reply", "event", "ephemeral"];

/// Frames of all connections of an endpoint.
#[derive(Debug)]
pub(crate) struct FrameMetrics {
    messages_in: Counter,
    control_in: Counter,
    other_in: Counter,
    bytes_in: Counter,
    messages_out: Counter,
    bytes_out: Counter,
    queues: [Histogram; QUEUES.len()],
}

impl Default for FrameMetrics {
    fn default() -> Self {
        Self {
            messages_in: Counter::default(),
            control_in: Counter::default(),
            other_in: Counter::default(),
            bytes_in: Counter::default(),
            messages_out: Counter::default(),
            bytes_out: Counter::default(),
            queues: std::array::from_fn(|_| Histogram::of_sizes()),
        }
    }
}

impl FrameMetrics {
    /// Counts input of a client.
    pub(crate) fn received(&self, incoming: &Incoming) {
        match incoming {
            Incoming::Binary(message) => {
                self.messages_in.inc();
                self.bytes_in.inc_by(message.len() as u64);
            }
            Incoming::Control => {
                self.control_in.inc();
            }
            Incoming::Text
            | Incoming::Fragment
            | Incoming::Closed
            | Incoming::TooBig
            | Incoming::Violation => {
                self.other_in.inc();
            }
        }
    }

    /// Counts a batch of frames for a client, in which `messages` begin.
    pub(crate) fn sent(&self, messages: u64, bytes: u64) {
        if bytes > 0 {
            self.messages_out.inc_by(messages);
            self.bytes_out.inc_by(bytes);
        }
    }

    /// Adds the sizes of the queues of one connection.
    pub(crate) fn sample_queues(&self, bytes: [usize; QUEUES.len()]) {
        for (histogram, bytes) in self.queues.iter().zip(bytes) {
            histogram.observe_size(bytes);
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let frames = [
            (["in", "message"], self.messages_in.clone()),
            (["in", "control"], self.control_in.clone()),
            (["in", "other"], self.other_in.clone()),
            (["out", "message"], self.messages_out.clone()),
        ];
        let help = "frames of clients, and messages queued for the socket";
        registry.family("ws_frames_total", help, ["direction", "type"], frames);
        let bytes = [(["in"], self.bytes_in.clone()), (["out"], self.bytes_out.clone())];
        registry.family("ws_bytes_total", "payload bytes of messages", ["direction"], bytes);
        let queues = QUEUES.into_iter().zip(&self.queues).map(|(queue, sizes)| ([queue], sizes.clone()));
        let help = "sizes of the outbound queues of all connections, sampled every 10 s";
        registry.family("ws_queue_bytes", help, ["queue"], queues);
    }
}
