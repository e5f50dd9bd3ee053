//! Receiving half of a connection to a NATS server.

use async_nats::{Event, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{Abortable, SelectAll, abortable};
use tokio::sync::mpsc::Receiver;

use super::error::NatsError;

/// Messages of one subject, until the subscription ends.
pub(super) type Incoming = Abortable<Subscriber>;

/// Messages of all subjects, and failures of the connection.
pub(super) struct Inbox {
    messages: SelectAll<Incoming>,
    added: Receiver<Incoming>,
    events: Receiver<Event>,
}

impl Inbox {
    /// Messages of `everyone` and of the subscriptions that come with `added`.
    pub(super) fn new(everyone: Subscriber, added: Receiver<Incoming>, events: Receiver<Event>) -> Self {
        let mut messages = SelectAll::new();
        messages.push(abortable(everyone).0);
        Self { messages, added, events }
    }

    /// Waits for the next message. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Bytes, NatsError> {
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Some(Event::ServerError(error)) => return Err(NatsError::Rejected(error)),
                    Some(_) | None => return Err(NatsError::Ended),
                },
                Some(stream) = self.added.recv() => self.messages.push(stream),
                message = self.messages.next() => {
                    return message.map(|message| message.payload).ok_or(NatsError::Ended);
                }
            }
        }
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("subjects", &self.messages.len()).finish_non_exhaustive()
    }
}
