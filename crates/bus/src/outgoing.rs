//! Queue of the messages to other nodes: bounded, with hints of one space merged.

use std::collections::HashMap;

use less_sync_core::SpaceId;
use less_sync_engine::ports::{BusTopic, RemoteChange};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::message::Message;

/// Maximum number of queued messages, inclusive.
const MESSAGES: usize = 8192;

/// Maximum sum of the lengths of queued messages, in bytes, inclusive.
const BYTES: usize = 8 * 1024 * 1024;

/// Queue of messages, for one consumer.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    queue: Mutex<Queue>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    by_topic: HashMap<BusTopic, Vec<Message>>,
    /// Queued hint of each space, as an index into the messages of its topic.
    hints: HashMap<SpaceId, usize>,
    messages: usize,
    bytes: usize,
}

impl Outgoing {
    /// Queues a message; false if the queue is full, and the message is dropped.
    pub(crate) fn add(&self, message: Message, has_shards: bool) -> bool {
        let is_queued = self.queue.lock().add(message, has_shards);
        // A dropped message, too: the number that is skipped for it reaches the others with the next batch.
        self.added.notify_one();
        is_queued
    }

    /// Wakes the consumer without a message.
    pub(crate) fn wake(&self) {
        self.added.notify_one();
    }

    /// Waits for a message, or for [`Outgoing::wake`].
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }

    /// Takes all messages by destination.
    pub(crate) fn take(&self) -> HashMap<BusTopic, Vec<Message>> {
        std::mem::take(&mut *self.queue.lock()).by_topic
    }
}

impl Queue {
    fn add(&mut self, message: Message, has_shards: bool) -> bool {
        let topic = message.topic(has_shards);
        if let Message::Changed(change) = &message
            && change.event.is_none()
            && self.merge(topic, change)
        {
            return true;
        }
        let length = message.max_len();
        if self.messages == MESSAGES || self.bytes + length > BYTES {
            return false;
        }
        let messages = self.by_topic.entry(topic).or_default();
        if let Message::Changed(RemoteChange { space, event: None, .. }) = &message {
            self.hints.insert(*space, messages.len());
        }
        messages.push(message);
        self.messages += 1;
        self.bytes += length;
        true
    }

    /// Widens the queued hint of the same space, if there is one.
    fn merge(&mut self, topic: BusTopic, change: &RemoteChange) -> bool {
        let Some(index) = self.hints.get(&change.space) else { return false };
        let queued = self.by_topic.get_mut(&topic).and_then(|messages| messages.get_mut(*index));
        let Some(Message::Changed(queued)) = queued else { return false };
        queued.prev = queued.prev.min(change.prev);
        queued.cursor = queued.cursor.max(change.cursor);
        true
    }
}

#[cfg(test)]
mod tests {
    use less_sync_core::Cursor;

    use super::*;

    fn hint(space: u8, prev: u64, cursor: u64) -> Message {
        let at = |number| Cursor::new(number).unwrap();
        Message::Changed(RemoteChange {
            space: SpaceId::from_bytes([space; 16]),
            prev: at(prev),
            cursor: at(cursor),
            event: None,
        })
    }

    #[test]
    fn hints_of_one_space_are_one_message() {
        let outgoing = Outgoing::default();
        for message in [hint(1, 4, 5), hint(2, 7, 8), hint(1, 3, 4), hint(1, 5, 6)] {
            assert!(outgoing.add(message, false));
        }
        let queued = outgoing.take().remove(&BusTopic::Everyone).unwrap();
        let cursors = queued.iter().map(|message| {
            let Message::Changed(change) = message else { panic!("{message:?}") };
            (change.prev.get(), change.cursor.get())
        });
        assert_eq!(cursors.collect::<Vec<_>>(), [(3, 6), (7, 8)]);
        assert!(outgoing.take().is_empty());
    }

    #[test]
    fn full_queue_drops_messages_and_still_merges_hints() {
        let outgoing = Outgoing::default();
        assert!(outgoing.add(hint(1, 0, 1), false));
        let filler = || Message::Invitation(less_sync_core::MailboxId::from_bytes([0; 32]));
        let queued = (0..MESSAGES).filter(|_| outgoing.add(filler(), false)).count();
        assert_eq!(queued, MESSAGES - 1);
        assert!(!outgoing.add(hint(2, 0, 1), false));
        assert!(outgoing.add(hint(1, 1, 2), false));
    }
}
