//! Rights that end, at every moment of a subscription (protocol §4.10, §5.3, §6.2, §6.3).

use std::sync::Arc;

use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanKey, VerifiedChain};
use less_sync_core::{ConnectionId, Permission, Timestamp};
use less_sync_engine::{Revocation, RevokedEvent, SpaceEvent, SpaceEvents};
use less_sync_realtime::{Broker, Confirmation, SubscriptionId, SubscriptionStart};
use less_sync_storage::RevokedCid;

use crate::fixture::{HERE, Heard, Listener, THERE, broker, connection, cursor, push, state};

/// The chain of one token, different for every `nonce`.
fn chain(nonce: u8) -> Arc<VerifiedChain> {
    let owner = UcanKey::from_bytes(&[1; 32]).unwrap();
    let grant = Grant {
        audience: owner.did(),
        permission: Permission::Admin,
        space: HERE,
        expires_at: Timestamp::from_seconds(1000),
        nonce: [nonce; 16],
    };
    let expected = Expectations {
        audience: Audience::Caller(owner.did()),
        permission: Permission::Read,
        space: HERE,
        root_key: owner.root_key(),
    };
    let token = owner.issue(&grant, None);
    Arc::new(ucan::verify(&token, &expected, Timestamp::from_seconds(0)).unwrap())
}

fn start(at: u64, chain: &Arc<VerifiedChain>) -> SubscriptionStart {
    SubscriptionStart { chain: Some(chain.clone()), ..SubscriptionStart::from(state(at)) }
}

fn revoke_by(broker: &Broker, chain: &VerifiedChain, origin: ConnectionId) {
    let revocation = Revocation::new(RevokedCid::from(*chain.cids().first().unwrap()), None);
    broker.publish(SpaceEvent::Revoked(RevokedEvent { space: HERE, revocation, origin }));
}

fn revoke(broker: &Broker, chain: &VerifiedChain) {
    revoke_by(broker, chain, connection(0xff));
}

fn settle(
    broker: &Broker,
    listener: &Listener,
    gate: SubscriptionId,
    chain: &Arc<VerifiedChain>,
) -> Confirmation {
    broker.confirm(HERE, listener.id, gate, start(5, chain))
}

/// A listener that watches by `chain` since cursor 5.
fn subscribed(broker: &Broker, number: u8, chain: &Arc<VerifiedChain>) -> Listener {
    let listener = Listener::new(number);
    let gate = listener.watch(broker, HERE);
    assert_eq!(settle(broker, &listener, gate, chain), Confirmation::Confirmed);
    broker.activate(HERE, listener.id, gate);
    listener
}

#[test]
fn notice_is_the_last_that_a_revoked_watcher_hears_and_others_go_on() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let [revoked, other] = [subscribed(&broker, 1, &dead), subscribed(&broker, 2, &good)];
    push(&broker, HERE, 6);
    revoke(&broker, &dead);
    push(&broker, HERE, 7);
    assert_eq!(revoked.heard(), [Heard::Revoked], "not even what was queued before");
    assert_eq!(other.heard(), [Heard::Sync(5, 6), Heard::Revoked, Heard::Sync(6, 7)]);
    assert!(!broker.is_subscribed(HERE, revoked.id));
    assert_eq!(broker.metrics().subscriptions.get(), 1);
}

/// The state may have been read before the revocation was committed: it has to be read again.
#[test]
fn revocation_between_registration_and_settling_leaves_the_watcher_in_doubt() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    revoke(&broker, &dead);
    assert_eq!(settle(&broker, &listener, gate, &good), Confirmation::Stale);
    broker.activate(HERE, listener.id, gate);
    assert!(!broker.is_subscribed(HERE, listener.id));
    let gate = listener.watch(&broker, HERE);
    assert_eq!(settle(&broker, &listener, gate, &good), Confirmation::Confirmed);
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), [Heard::Revoked], "told of after the response");
    push(&broker, HERE, 6);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6)]);
}

/// Nothing about a space comes before the response that lists it, not even its end (G2).
#[test]
fn revocation_before_the_response_is_told_after_it() {
    let broker = broker();
    let dead = chain(1);
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    settle(&broker, &listener, gate, &dead);
    push(&broker, HERE, 6);
    broker.set_presence(HERE, listener.id, b"here");
    revoke(&broker, &dead);
    push(&broker, HERE, 7);
    broker.set_presence(HERE, listener.id, b"still here");
    assert!(!broker.is_subscribed(HERE, listener.id) && broker.peers(HERE, connection(9), 9).is_empty());
    assert_eq!(listener.heard(), []);
    broker.activate(HERE, listener.id, gate);
    push(&broker, HERE, 8);
    assert_eq!(listener.heard(), [Heard::Revoked]);
    assert_eq!((broker.metrics().subscriptions.get(), broker.delivered_cursors().len()), (0, 0));
}

#[test]
fn revoked_watcher_that_renews_with_a_good_chain_stays() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let listener = subscribed(&broker, 1, &dead);
    let first = listener.watch(&broker, HERE);
    revoke(&broker, &dead);
    assert_eq!(settle(&broker, &listener, first, &good), Confirmation::Stale);
    let second = listener.watch(&broker, HERE);
    assert_eq!(settle(&broker, &listener, second, &good), Confirmation::Confirmed);
    broker.activate(HERE, listener.id, second);
    push(&broker, HERE, 6);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6)]);
}

#[test]
fn whoever_revokes_hears_nothing_but_the_end_of_their_own_subscription() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let listener = subscribed(&broker, 1, &good);
    revoke_by(&broker, &dead, listener.id);
    assert_eq!(listener.heard(), []);
    revoke_by(&broker, &good, listener.id);
    assert_eq!(listener.heard(), [Heard::Resubscribe(vec![HERE])]);
    assert!(!broker.is_subscribed(HERE, listener.id));
}

#[test]
fn ended_rights_are_told_at_once_for_all_spaces_and_once() {
    let broker = broker();
    let listener = subscribed(&broker, 1, &chain(1));
    listener.subscribe(&broker, THERE, 5);
    push(&broker, HERE, 6);
    broker.end_subscriptions(vec![HERE, THERE], listener.id, &listener.outbox);
    assert_eq!(listener.heard(), [Heard::Resubscribe(vec![HERE, THERE])]);
    broker.end_subscriptions(vec![HERE, THERE], listener.id, &listener.outbox);
    assert_eq!(listener.heard(), []);
    assert_eq!(broker.delivered_cursors().len(), 0);
}

#[test]
fn right_that_ends_before_the_response_is_told_after_it() {
    let broker = broker();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    settle(&broker, &listener, gate, &chain(1));
    broker.end_subscriptions(vec![HERE], listener.id, &listener.outbox);
    assert_eq!(listener.heard(), []);
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), [Heard::Resubscribe(vec![HERE])]);
    assert_eq!(broker.delivered_cursors().len(), 0);
}

/// Protocol §6.4: whoever missed more than is replayed gets one hint, and then what happens.
#[test]
fn watcher_that_was_not_told_everything_is_hinted_at_it() {
    let broker = broker();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    let missed = SubscriptionStart { caught_up_to: cursor(2), ..start(5, &chain(1)) };
    assert_eq!(broker.confirm(HERE, listener.id, gate, missed), Confirmation::Confirmed);
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), [Heard::Hint(5)]);
    push(&broker, HERE, 6);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6)]);
}
