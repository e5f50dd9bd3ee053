#![expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]

use super::*;
use crate::outbox::OutboxLimits;

const MAILBOX: MailboxId = MailboxId::from_bytes([7; 32]);
const SECOND: Duration = Duration::from_secs(1);

fn mailboxes() -> Mailboxes {
    Mailboxes::new(SECOND..=5 * SECOND)
}

fn seat(mailboxes: &Mailboxes, mailbox: MailboxId, connection: u8) -> Arc<Outbox> {
    let outbox = Outbox::new(OutboxLimits::default());
    mailboxes.attend(mailbox, ConnectionId::from_bytes([connection; 16]), &outbox);
    outbox
}

fn is_idle(mailboxes: &Mailboxes) -> bool {
    let state = mailboxes.state.lock();
    state.seats.is_empty() && state.due.is_empty()
}

/// a uniform delay, which never falls below its beginning or beyond its end.
#[test]
fn notice_comes_within_its_range_and_all_over_it() {
    let now = Instant::now();
    let mut delays: Vec<Duration> = (0..1000)
        .map(|_| {
            let mailboxes = mailboxes();
            seat(&mailboxes, MAILBOX, 1);
            mailboxes.note(MAILBOX, now);
            mailboxes.next_due().unwrap() - now
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

/// coalesced, and to all devices of the mailbox alone.
#[test]
fn one_notice_stands_for_all_that_came_while_it_was_pending() {
    let (mailboxes, now) = (mailboxes(), Instant::now());
    let own = [seat(&mailboxes, MAILBOX, 1), seat(&mailboxes, MAILBOX, 2)];
    let other = seat(&mailboxes, MailboxId::from_bytes([8; 32]), 3);
    for _ in 0..3 {
        mailboxes.note(MAILBOX, now);
    }
    assert_eq!(mailboxes.tell(now + Duration::from_millis(999)), Told::default());
    assert_eq!(mailboxes.tell(now + 5 * SECOND), Told { queued: 2, too_slow: 0 });
    assert_eq!(mailboxes.tell(now + 60 * SECOND), Told::default());
    assert!(own.iter().all(|outbox| outbox.take().is_some() && outbox.is_empty()));
    assert!(other.is_empty());
    mailboxes.note(MAILBOX, now + 60 * SECOND);
    assert_eq!(mailboxes.tell(now + 65 * SECOND).queued, 2, "what comes later is told anew");
}

#[test]
fn mailbox_without_connections_leaves_no_trace() {
    let (mailboxes, now) = (mailboxes(), Instant::now());
    mailboxes.note(MAILBOX, now);
    assert!(is_idle(&mailboxes));
    seat(&mailboxes, MAILBOX, 1);
    seat(&mailboxes, MAILBOX, 2);
    mailboxes.note(MAILBOX, now);
    mailboxes.depart(MAILBOX, ConnectionId::from_bytes([1; 16]));
    assert!(mailboxes.next_due().is_some());
    mailboxes.depart(MAILBOX, ConnectionId::from_bytes([2; 16]));
    mailboxes.depart(MAILBOX, ConnectionId::from_bytes([2; 16]));
    assert!(is_idle(&mailboxes));
}

#[test]
fn connection_without_room_is_cut_like_any_slow_consumer() {
    let (mailboxes, now) = (mailboxes(), Instant::now());
    let limits = OutboxLimits { event_frames: 1, ..OutboxLimits::default() };
    let outbox = Outbox::new(limits);
    mailboxes.attend(MAILBOX, ConnectionId::from_bytes([1; 16]), &outbox);
    outbox.durable(None, Bytes::from_static(b"full"));
    mailboxes.note(MAILBOX, now);
    assert_eq!(mailboxes.tell(now + 5 * SECOND), Told { queued: 0, too_slow: 1 });
    assert!(outbox.closing().is_some());
}
