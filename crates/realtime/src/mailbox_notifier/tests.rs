#![expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]

use std::sync::atomic::{AtomicU32, Ordering};

use less_sync_core::Timestamp;
use less_sync_engine::Job;

use super::*;
use crate::outbox::OutboxLimits;

const MAILBOX: MailboxId = MailboxId::from_bytes([7; 32]);
const SECOND: Duration = Duration::from_secs(1);

/// A clock that is not read: tests pass the time.
struct UnusedClock;

impl Clock for UnusedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, _at: Instant) -> Job {
        Box::pin(std::future::pending())
    }
}

/// Random bits that are spread evenly over their range: a Weyl sequence.
fn evenly_spread() -> Arc<dyn Random> {
    let state = AtomicU32::new(0);
    Arc::new(move || u128::from(state.fetch_add(0x9E37_79B9, Ordering::Relaxed)) << 96)
}

fn notifier() -> Arc<MailboxNotifier> {
    notifier_with(evenly_spread())
}

fn notifier_with(random: Arc<dyn Random>) -> Arc<MailboxNotifier> {
    MailboxNotifier::new(SECOND..=5 * SECOND, random, Arc::new(UnusedClock))
}

fn register(notifier: &MailboxNotifier, mailbox: MailboxId, connection: u8) -> Arc<Outbox> {
    let outbox = Outbox::new(OutboxLimits::default());
    notifier.register(mailbox, ConnectionId::from_bytes([connection; 16]), &outbox);
    outbox
}

fn is_idle(notifier: &MailboxNotifier) -> bool {
    let state = notifier.state.lock();
    state.mailboxes.is_empty() && state.due.is_empty()
}

/// both ends of the range are inclusive.
#[test]
fn delay_of_a_notice_is_uniform_over_its_range() {
    let (now, random) = (Instant::now(), evenly_spread());
    let mut delays: Vec<Duration> = (0..1000)
        .map(|_| {
            let notifier = notifier_with(random.clone());
            register(&notifier, MAILBOX, 1);
            notifier.schedule(MAILBOX, now);
            notifier.next_due().unwrap() - now
        })
        .collect();
    delays.sort();
    assert!(delays[0] >= SECOND && delays[999] <= 5 * SECOND, "{:?}…{:?}", delays[0], delays[999]);
    // A thousand draws of a uniform distribution: each quarter of the range has its share.
    for (quarter, part) in (0_u32..).zip(delays.chunks(250)) {
        let middle = SECOND + quarter * SECOND + SECOND / 2;
        assert!(part[125].abs_diff(middle) < SECOND / 2, "quarter {quarter}: {:?}", part[125]);
    }
}

/// coalesced, to all connections of the mailbox and to no others.
#[test]
fn pending_notice_covers_further_invitations() {
    let (notifier, now) = (notifier(), Instant::now());
    let own = [register(&notifier, MAILBOX, 1), register(&notifier, MAILBOX, 2)];
    let other = register(&notifier, MailboxId::from_bytes([8; 32]), 3);
    for _ in 0..3 {
        notifier.schedule(MAILBOX, now);
    }
    assert_eq!(notifier.deliver_due(now + Duration::from_millis(999)), Deliveries::default());
    assert_eq!(notifier.deliver_due(now + 5 * SECOND), Deliveries { queued: 2, too_slow: 0 });
    assert_eq!(notifier.deliver_due(now + 60 * SECOND), Deliveries::default());
    assert!(own.iter().all(|outbox| outbox.take().is_some() && outbox.is_empty()));
    assert!(other.is_empty());
    notifier.schedule(MAILBOX, now + 60 * SECOND);
    assert_eq!(
        notifier.deliver_due(now + 65 * SECOND).queued,
        2,
        "a later invitation gets a notice of its own"
    );
}

#[test]
fn mailbox_without_connections_holds_no_memory() {
    let (notifier, now) = (notifier(), Instant::now());
    notifier.schedule(MAILBOX, now);
    assert!(is_idle(&notifier));
    register(&notifier, MAILBOX, 1);
    register(&notifier, MAILBOX, 2);
    notifier.schedule(MAILBOX, now);
    notifier.unregister(MAILBOX, ConnectionId::from_bytes([1; 16]));
    assert!(notifier.next_due().is_some());
    notifier.unregister(MAILBOX, ConnectionId::from_bytes([2; 16]));
    notifier.unregister(MAILBOX, ConnectionId::from_bytes([2; 16]));
    assert!(is_idle(&notifier));
}

#[test]
fn connection_with_a_full_outbox_is_closed_as_a_slow_consumer() {
    let (notifier, now) = (notifier(), Instant::now());
    let limits = OutboxLimits { event_frames: 1, ..OutboxLimits::default() };
    let outbox = Outbox::new(limits);
    notifier.register(MAILBOX, ConnectionId::from_bytes([1; 16]), &outbox);
    outbox.durable(None, Bytes::from_static(b"full"));
    notifier.schedule(MAILBOX, now);
    assert_eq!(notifier.deliver_due(now + 5 * SECOND), Deliveries { queued: 0, too_slow: 1 });
    assert!(outbox.closing().is_some());
}
