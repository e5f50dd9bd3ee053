//! Revocation and expiry in every state of a subscription (protocol §4.10, §5.3, §6.2, §6.3).

use std::sync::Arc;

use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanKey, VerifiedChain};
use less_sync_core::{ConnectionId, Permission, Timestamp};
use less_sync_engine::{Revocation, RevokedEvent, SpaceEvent, SpaceEvents, SubscriptionBasis};
use less_sync_realtime::{Broker, Confirmation, SubscriptionId, SubscriptionStart};

use crate::fixture::{Client, HERE, Received, THERE, broker, connection, cursor, push, state};

/// Chain of one token, different for every `nonce`.
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
    SubscriptionStart { basis: SubscriptionBasis::Chain(chain.clone()), ..SubscriptionStart::from(state(at)) }
}

fn revoke_by(broker: &Broker, chain: &VerifiedChain, origin: ConnectionId) {
    let revocation = Revocation::new(*chain.cids().first().unwrap(), None);
    broker.publish(SpaceEvent::Revoked(RevokedEvent { space: HERE, revocation, origin: Some(origin) }));
}

fn revoke(broker: &Broker, chain: &VerifiedChain) {
    revoke_by(broker, chain, connection(0xff));
}

fn confirm(broker: &Broker, client: &Client, id: SubscriptionId, chain: &Arc<VerifiedChain>) -> Confirmation {
    broker.confirm(HERE, client.id, id, start(5, chain))
}

/// Client with a live subscription by `chain` since cursor 5.
fn subscribed(broker: &Broker, number: u8, chain: &Arc<VerifiedChain>) -> Client {
    let client = Client::new(number);
    let id = client.register(broker, HERE);
    assert_eq!(confirm(broker, &client, id, chain), Confirmation::Confirmed);
    broker.activate(HERE, client.id, id);
    client
}

#[test]
fn notice_is_the_last_frame_of_a_revoked_subscriber_and_others_go_on() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let [revoked, other] = [subscribed(&broker, 1, &dead), subscribed(&broker, 2, &good)];
    push(&broker, HERE, 6);
    revoke(&broker, &dead);
    push(&broker, HERE, 7);
    assert_eq!(revoked.received(), [Received::Revoked], "not even what was queued before");
    assert_eq!(other.received(), [Received::Sync(5, 6), Received::Revoked, Received::Sync(6, 7)]);
    assert!(!broker.is_subscribed(HERE, revoked.id));
    assert_eq!(broker.metrics().subscriptions.get(), 1);
}

/// The state may have been read before the revocation was committed, so it has to be read again.
#[test]
fn revocation_between_registration_and_confirmation_makes_it_stale() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    revoke(&broker, &dead);
    assert_eq!(confirm(&broker, &client, id, &good), Confirmation::Stale);
    broker.activate(HERE, client.id, id);
    assert!(!broker.is_subscribed(HERE, client.id));
    let id = client.register(&broker, HERE);
    assert_eq!(confirm(&broker, &client, id, &good), Confirmation::Confirmed);
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), [Received::Revoked], "sent after the response");
    push(&broker, HERE, 6);
    assert_eq!(client.received(), [Received::Sync(5, 6)]);
}

/// Notifications about a space follow the response that lists it, the end of the subscription included (G2).
#[test]
fn revocation_before_the_response_is_sent_after_it() {
    let broker = broker();
    let dead = chain(1);
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    confirm(&broker, &client, id, &dead);
    push(&broker, HERE, 6);
    broker.set_presence(HERE, client.id, b"here");
    revoke(&broker, &dead);
    push(&broker, HERE, 7);
    broker.set_presence(HERE, client.id, b"still here");
    assert!(!broker.is_subscribed(HERE, client.id) && broker.peers(HERE, connection(9), 9).is_empty());
    assert_eq!(client.received(), []);
    broker.activate(HERE, client.id, id);
    push(&broker, HERE, 8);
    assert_eq!(client.received(), [Received::Revoked]);
    assert_eq!((broker.metrics().subscriptions.get(), broker.delivered_cursors().len()), (0, 0));
}

#[test]
fn revoked_subscriber_that_subscribes_again_with_a_good_chain_stays() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let client = subscribed(&broker, 1, &dead);
    let first = client.register(&broker, HERE);
    revoke(&broker, &dead);
    assert_eq!(confirm(&broker, &client, first, &good), Confirmation::Stale);
    let second = client.register(&broker, HERE);
    assert_eq!(confirm(&broker, &client, second, &good), Confirmation::Confirmed);
    broker.activate(HERE, client.id, second);
    push(&broker, HERE, 6);
    assert_eq!(client.received(), [Received::Sync(5, 6)]);
}

#[test]
fn origin_of_a_revocation_gets_nothing_but_the_end_of_its_own_subscription() {
    let broker = broker();
    let (dead, good) = (chain(1), chain(2));
    let client = subscribed(&broker, 1, &good);
    revoke_by(&broker, &dead, client.id);
    assert_eq!(client.received(), []);
    revoke_by(&broker, &good, client.id);
    assert_eq!(client.received(), [Received::Resubscribe(vec![HERE])]);
    assert!(!broker.is_subscribed(HERE, client.id));
}

#[test]
fn ended_subscriptions_share_one_resubscribe_notification() {
    let broker = broker();
    let client = subscribed(&broker, 1, &chain(1));
    client.subscribe(&broker, THERE, 5);
    push(&broker, HERE, 6);
    broker.end_subscriptions(vec![HERE, THERE], client.id, &client.outbox);
    assert_eq!(client.received(), [Received::Resubscribe(vec![HERE, THERE])]);
    broker.end_subscriptions(vec![HERE, THERE], client.id, &client.outbox);
    assert_eq!(client.received(), []);
    assert_eq!(broker.delivered_cursors().len(), 0);
}

#[test]
fn subscription_that_ends_before_the_response_is_notified_after_it() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    confirm(&broker, &client, id, &chain(1));
    broker.end_subscriptions(vec![HERE], client.id, &client.outbox);
    assert_eq!(client.received(), []);
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), [Received::Resubscribe(vec![HERE])]);
    assert_eq!(broker.delivered_cursors().len(), 0);
}

/// Protocol §6.4: a single hint in place of a large replay, then live events.
#[test]
fn catch_up_that_was_not_replayed_becomes_a_pull_hint() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    let missed = SubscriptionStart { caught_up_to: cursor(2), ..start(5, &chain(1)) };
    assert_eq!(broker.confirm(HERE, client.id, id, missed), Confirmation::Confirmed);
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), [Received::Hint(5)]);
    push(&broker, HERE, 6);
    assert_eq!(client.received(), [Received::Sync(5, 6)]);
}

/// The authorization that ended is the one of an earlier subscription; the pending one is being authorized anew.
#[test]
fn end_of_an_earlier_authorization_does_not_end_a_pending_subscription() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    broker.end_subscriptions(vec![HERE], client.id, &client.outbox);
    assert_eq!(confirm(&broker, &client, id, &chain(1)), Confirmation::Confirmed);
    push(&broker, HERE, 6);
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), [Received::Sync(5, 6)]);
}

/// Events are dropped while a subscription is ending; a confirmation in that state must not lose them unknowingly.
#[test]
fn subscription_confirmed_again_while_ending_is_sent_a_pull_hint() {
    let broker = broker();
    let client = Client::new(1);
    let first = client.register(&broker, HERE);
    confirm(&broker, &client, first, &chain(1));
    broker.end_subscriptions(vec![HERE], client.id, &client.outbox);
    push(&broker, HERE, 6);
    let second = client.register(&broker, HERE);
    assert_eq!(confirm(&broker, &client, second, &chain(2)), Confirmation::Confirmed);
    broker.activate(HERE, client.id, first);
    assert_eq!(client.received(), [], "the second response is outstanding");
    broker.activate(HERE, client.id, second);
    assert_eq!(client.received(), [Received::Hint(6)]);
}
