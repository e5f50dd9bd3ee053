use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use futures_util::FutureExt;

use super::*;

const HERE: SpaceId = SpaceId::from_bytes([1; 16]);
const THERE: SpaceId = SpaceId::from_bytes([2; 16]);

fn frame(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn reply(text: &'static str) -> Reply {
    Reply { frame: frame(text), after: None }
}

fn small() -> Arc<Outbox> {
    Outbox::new(OutboxLimits {
        reply_frames: 2,
        reply_bytes: 10,
        event_frames: 3,
        event_bytes: 10,
        ephemeral_frames: 2,
    })
}

fn taken(outbox: &Outbox) -> Vec<Bytes> {
    std::iter::from_fn(|| outbox.take()).map(|outgoing| outgoing.frame).collect()
}

/// Waker that counts its wakeups.
#[derive(Default)]
struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl CountingWaker {
    fn wakeups(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Parks a task on the outbox.
fn park(outbox: &Outbox) -> Arc<CountingWaker> {
    let alarm = Arc::new(CountingWaker::default());
    let waker = Waker::from(alarm.clone());
    assert!(outbox.poll_ready(&Context::from_waker(&waker)).is_pending());
    alarm
}

fn is_ready(outbox: &Outbox) -> bool {
    outbox.poll_ready(&Context::from_waker(Waker::noop())).is_ready()
}

/// A stalled peer is stalled for the producer too, although the socket has taken the frames from the queue.
#[test]
fn room_is_left_once_most_of_the_taken_frames_are_written() {
    let outbox = small();
    outbox.try_reply(reply("12345678"));
    assert!(outbox.reply_room().now_or_never().is_none(), "queued");
    let taken = outbox.take();
    assert!(outbox.reply_room().now_or_never().is_none(), "taken and not written");
    let alarm = Arc::new(CountingWaker::default());
    let waker = Waker::from(alarm.clone());
    let mut room = Box::pin(outbox.reply_room());
    assert!(room.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
    outbox.written_up_to(6);
    assert!(room.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
    outbox.written_up_to(5);
    assert_eq!(alarm.wakeups(), 2);
    assert!(room.now_or_never().is_some(), "half of the bound");
    drop(taken);
}

#[test]
fn replies_and_events_alternate_a_reply_first() {
    let outbox = small();
    outbox.ephemeral(HERE, frame("e1"));
    outbox.durable(Some(HERE), frame("d1"));
    outbox.durable(None, frame("d2"));
    outbox.try_reply(reply("r1"));
    outbox.try_reply(reply("r2"));
    assert_eq!(taken(&outbox), ["r1", "d1", "r2", "d2", "e1"].map(frame));
}

#[test]
fn frame_wakes_the_parked_task_once() {
    let outbox = small();
    let alarm = park(&outbox);
    outbox.durable(None, frame("d1"));
    outbox.durable(None, frame("d2"));
    outbox.ephemeral(HERE, frame("e1"));
    assert_eq!(alarm.wakeups(), 1);
    assert!(is_ready(&outbox), "there are frames");
    taken(&outbox);
    assert!(!is_ready(&outbox));
}

#[test]
fn reply_waits_for_room_and_is_woken_by_it() {
    let outbox = small();
    outbox.try_reply(reply("r1"));
    outbox.try_reply(reply("r2"));
    let alarm = Arc::new(CountingWaker::default());
    let waker = Waker::from(alarm.clone());
    let mut cx = Context::from_waker(&waker);
    let mut third = Box::pin(outbox.reply(reply("r3")));
    assert!(third.poll_unpin(&mut cx).is_pending());
    assert!(third.poll_unpin(&mut cx).is_pending());
    assert_eq!(alarm.wakeups(), 0);
    assert_eq!(outbox.take().unwrap().frame, "r1");
    assert_eq!(alarm.wakeups(), 1);
    assert_eq!(third.poll_unpin(&mut cx), Poll::Ready(Ok(())));
    assert_eq!(taken(&outbox), ["r2", "r3"].map(frame));
}

#[test]
fn cancelled_reply_is_not_queued() {
    let outbox = small();
    outbox.try_reply(reply("r1"));
    outbox.try_reply(reply("r2"));
    assert_eq!(outbox.reply(reply("r3")).now_or_never(), None);
    assert_eq!(taken(&outbox).len(), 2);
}

/// Newer-clients §5.
#[test]
fn reply_beyond_the_bound_in_bytes_fits_an_empty_queue_only() {
    let outbox = small();
    assert_eq!(outbox.reply(reply("more than ten bytes")).now_or_never(), Some(Ok(())));
    assert_eq!(outbox.reply(reply("r2")).now_or_never(), None);
    taken(&outbox);
    assert_eq!(outbox.reply(reply("r2")).now_or_never(), Some(Ok(())));
}

/// B-02.
#[test]
fn replies_take_no_room_from_events() {
    let outbox = small();
    while outbox.reply(reply("chunk")).now_or_never().is_some() {}
    for _ in 0..3 {
        assert_eq!(outbox.durable(None, frame("d")), Delivered::Queued);
    }
}

/// B-01, P-226.
#[test]
fn durable_event_without_room_closes_as_slow_consumer() {
    for (event, room) in [("d", 3), ("5byte", 2)] {
        let outbox = small();
        for _ in 0..room {
            assert_eq!(outbox.durable(None, frame(event)), Delivered::Queued);
        }
        assert_eq!(outbox.durable(None, frame(event)), Delivered::TooSlow);
        assert_eq!(outbox.closing(), Some(Close::SLOW_CONSUMER));
        assert_eq!(outbox.durable(None, frame(event)), Delivered::Closed);
    }
}

#[test]
fn ephemeral_event_without_room_displaces_the_oldest() {
    let outbox = small();
    assert_eq!(outbox.ephemeral(HERE, frame("e1")), Delivered::Queued);
    assert_eq!(outbox.ephemeral(HERE, frame("e2")), Delivered::Queued);
    assert_eq!(outbox.ephemeral(HERE, frame("e3")), Delivered::Displaced);
    assert_eq!(taken(&outbox), ["e2", "e3"].map(frame));
}

/// G4.
#[test]
fn purge_drops_the_events_of_one_space_and_no_replies() {
    let outbox = small();
    outbox.durable(Some(HERE), frame("d1"));
    outbox.durable(Some(THERE), frame("d2"));
    outbox.ephemeral(HERE, frame("e1"));
    outbox.ephemeral(THERE, frame("e2"));
    outbox.try_reply(reply("r1"));
    outbox.purge(HERE);
    assert_eq!(taken(&outbox), ["r1", "d2", "e2"].map(frame));
}

#[test]
fn close_overtakes_and_discards_and_the_first_wins() {
    let outbox = small();
    outbox.try_reply(reply("r1"));
    outbox.durable(None, frame("d1"));
    assert!(outbox.close(Close::IDLE));
    assert!(!outbox.close(Close::SHUTDOWN));
    assert_eq!(outbox.closing(), Some(Close::IDLE));
    assert!(outbox.take().is_none());
    assert!(outbox.is_empty());
    outbox.try_reply(reply("r2"));
    assert_eq!(outbox.ephemeral(HERE, frame("e1")), Delivered::Closed);
    assert_eq!(outbox.reply(reply("r3")).now_or_never(), Some(Err(Closed)));
    assert!(outbox.take().is_none());
}

#[test]
fn close_wakes_all_waiting_tasks() {
    let outbox = small();
    let task = park(&outbox);
    outbox.close(Close::IDLE);
    assert_eq!(task.wakeups(), 1);

    let outbox = small();
    outbox.try_reply(reply("r1"));
    outbox.try_reply(reply("r2"));
    let producer = Arc::new(CountingWaker::default());
    let waker = Waker::from(producer.clone());
    let mut waiting = Box::pin(outbox.reply(reply("r3")));
    assert!(waiting.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
    outbox.close(Close::IDLE);
    assert_eq!(producer.wakeups(), 1);
    assert_eq!(waiting.now_or_never(), Some(Err(Closed)));
}

#[test]
fn signal_is_reported_once() {
    let outbox = small();
    let task = park(&outbox);
    outbox.drain();
    assert_eq!(task.wakeups(), 1);
    assert!(outbox.is_draining());
    assert!(is_ready(&outbox));
    assert!(!is_ready(&outbox));
    outbox.close(Close::SHUTDOWN);
    assert!(is_ready(&outbox));
    assert!(!is_ready(&outbox));
}

#[test]
fn drain_discards_nothing() {
    let outbox = small();
    outbox.try_reply(reply("r1"));
    outbox.drain();
    assert_eq!(taken(&outbox), ["r1"].map(frame));
}

#[test]
fn idle_outbox_is_small() {
    assert!(size_of::<Outbox>() <= 320, "{} bytes", size_of::<Outbox>());
}

/// Frames of a message are taken one after another; what else is queued waits for its end, and does not wake the task.
#[test]
fn message_of_several_frames_is_taken_whole() {
    let outbox = small();
    let message = outbox.begin_message(frame("one")).now_or_never().unwrap();
    outbox.try_reply(reply("reply"));
    assert_eq!(outbox.durable(Some(HERE), frame("event")), Delivered::Queued);
    assert_eq!(
        outbox.take().map(|outgoing| (outgoing.frame, outgoing.part)),
        Some((frame("one"), MessagePart::First))
    );
    assert!(outbox.take().is_none());
    let alarm = park(&outbox);
    outbox.try_reply(reply("other"));
    assert!(!is_ready(&outbox), "nothing may be sent within the message");
    message.add(frame("two"));
    message.end(frame("three"));
    assert!(alarm.wakeups() > 0);
    let parts: Vec<_> =
        std::iter::from_fn(|| outbox.take()).map(|outgoing| (outgoing.frame, outgoing.part)).collect();
    let expected = [
        ("two", MessagePart::Middle),
        ("three", MessagePart::Last),
        ("event", MessagePart::Whole),
        ("reply", MessagePart::Whole),
        ("other", MessagePart::Whole),
    ];
    assert_eq!(parts, expected.map(|(text, part)| (frame(text), part)));
}

/// Replies that wait behind a message must not keep it from its end.
#[test]
fn room_of_a_message_depends_on_the_socket_and_its_own_frames() {
    let outbox = small();
    let message = outbox.begin_message(frame("123")).now_or_never().unwrap();
    let taken = outbox.take();
    outbox.try_reply(reply("1234567890"));
    assert!(message.room().now_or_never().is_some());
    message.add(frame("456"));
    assert!(message.room().now_or_never().is_none(), "six bytes are unwritten");
    outbox.written_up_to(0);
    assert!(message.room().now_or_never().is_some());
    message.end(frame("7"));
    drop(taken);
}

#[test]
fn message_that_is_dropped_before_its_end_closes_the_connection() {
    let outbox = small();
    drop(outbox.begin_message(frame("one")).now_or_never().unwrap());
    assert_eq!(outbox.closing(), Some(Close::INTERNAL));
    let outbox = small();
    outbox.begin_message(frame("one")).now_or_never().unwrap().end(frame("two"));
    assert_eq!(outbox.closing(), None);
}
