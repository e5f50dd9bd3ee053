//! Channel of a space that another server holds (federation §12.5).

use bytes::Bytes;
use less_sync_core::{Cursor, Epoch};
use less_sync_engine::HomeHandle;

use super::super::deps::Context;
use super::super::durable_event::Broadcast;
use super::super::fan_out::FanOut;
use super::super::notifications;
use super::super::position::Position;
use super::super::sequencer::Step;
use super::super::subscriber::Subscriber;
use super::SpaceChannel;

impl SpaceChannel {
    /// Reports the departure of subscribers to `home` from now on.
    pub(in super::super) fn set_home(&mut self, home: HomeHandle) {
        self.home = Some(home);
    }

    /// Newest known position of the space.
    pub(in super::super) fn newest(&self) -> Position {
        self.newest
    }

    /// Sets whether missing changes are being read from the home: until they are, a gap is no loss.
    pub(in super::super) fn set_catching_up(&mut self, is_catching_up: bool) {
        self.is_catching_up = is_catching_up;
    }

    /// Notes the key generation of a rotation that has begun.
    pub(in super::super) fn note_epoch(&mut self, epoch: Epoch) {
        if epoch > self.newest.key_generation {
            (self.newest.key_generation, self.newest.rewrap_epoch) = (epoch, Some(epoch));
        }
    }

    /// Publishes a change of the home.
    pub(in super::super) fn publish_from_home(
        &mut self,
        step: Step<Broadcast>,
        position: Position,
        may_be_second: bool,
        context: &mut Context<'_>,
    ) {
        let is_late = self.sequencer.delivered().is_some_and(|delivered| position.cursor <= delivered);
        match step.event.frame {
            Some(frame) if may_be_second && (is_late || self.sequencer.is_buffered(position.cursor)) => {
                self.publish_second(position.cursor, &frame, context);
            }
            frame => {
                let event = Broadcast { frame, ..step.event };
                self.publish(Step { event, ..step }, position, context);
            }
        }
    }

    /// Adds a second notification to the event with `cursor`, which was delivered or waits for an earlier one.
    fn publish_second(&mut self, cursor: Cursor, frame: &Bytes, context: &mut Context<'_>) {
        if let Some(event) = self.sequencer.buffered_mut(cursor) {
            event.second = Some(frame.clone());
            return;
        }
        self.each(context, |subscriber, fan_out| subscriber.second(cursor, frame, fan_out));
    }

    /// Sends a pull hint to every subscriber.
    pub(in super::super) fn hint(&mut self, position: Position, context: &mut Context<'_>) {
        self.advance_newest(position);
        self.each(context, |subscriber, fan_out| subscriber.hint(position.cursor, fan_out));
        // Releases the events behind the missing ones; the subscribers have the hint already.
        self.repair(position, context);
    }

    /// Restarts deliveries at `position`.
    pub(in super::super) fn rewind(&mut self, position: Position, context: &mut Context<'_>) {
        self.newest = position;
        self.sequencer.rewind(position.cursor);
        self.each(context, |subscriber, fan_out| subscriber.rewind(position.cursor, fan_out));
    }

    /// Notifies every subscriber of a revocation.
    pub(in super::super) fn notify_revoked(&mut self, context: &mut Context<'_>) {
        let notice = notifications::revoked(self.space);
        self.each(context, |subscriber, fan_out| subscriber.notify_revoked(notice.clone(), fan_out));
    }

    /// Requests every live subscriber to subscribe again.
    pub(in super::super) fn notify_resubscribe(&mut self, context: &mut Context<'_>) {
        let notice = notifications::resubscribe(vec![self.space]);
        self.each(context, |subscriber, fan_out| {
            if subscriber.is_live() {
                fan_out.queue_notice(&subscriber.outbox, notice.clone());
            }
        });
    }

    fn each(&mut self, context: &mut Context<'_>, mut visit: impl FnMut(&mut Subscriber, &mut FanOut<'_>)) {
        let mut fan_out = FanOut::new(self.space, self.newest, context.deps);
        self.subscribers.iter_mut().for_each(|subscriber| visit(subscriber, &mut fan_out));
        self.finish(fan_out, context);
    }
}
