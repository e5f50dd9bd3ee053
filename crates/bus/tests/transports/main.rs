//! Contract of the transports between nodes: what every one of them does when nothing fails, and after a failure.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

mod local;
#[cfg(feature = "nats")]
mod nats;
mod postgres;

use std::pin::pin;

use bytes::Bytes;
use less_sync_core::SpaceId;
use less_sync_engine::ports::{BusShard, BusTopic, FanoutBus};
use less_sync_test_support::within;

/// A shard that no other test listens to.
fn shard(number: u8) -> BusShard {
    BusShard::of(SpaceId::from_bytes([number; 16]))
}

/// Message of [`connect`].
const GREETING: &[u8] = b"greeting";

/// The next message that is no greeting; failures of a connection that is being opened are passed over.
async fn received(bus: &dyn FanoutBus) -> Bytes {
    let next = async {
        loop {
            if let Ok(message) = bus.receive().await
                && message != GREETING
            {
                return message;
            }
        }
    };
    within("a message between nodes", next).await
}

/// Waits for a greeting.
async fn greeted(bus: &dyn FanoutBus) {
    while bus.receive().await.map_or(true, |message| message != GREETING) {}
}

/// Waits for the receiver to fail.
async fn fails(bus: &dyn FanoutBus) {
    within("the failure of the receiver", async { while bus.receive().await.is_ok() {} }).await;
}

/// Connects both ends: greetings of each arrive at both.
async fn connect(one: &dyn FanoutBus, other: &dyn FanoutBus) {
    for sender in [one, other] {
        let mut both = pin!(async { tokio::join!(greeted(one), greeted(other)) });
        // Repeated, since a greeting that is sent before a receiver listens is lost.
        let connected = async {
            loop {
                tokio::select! {
                    biased;
                    _ = &mut both => return,
                    _ = sender.send(BusTopic::Everyone, Bytes::from_static(GREETING)) => {}
                }
            }
        };
        within("a greeting", connected).await;
    }
}

/// Waits until `other` receives what `one` sends to the shard, which it has begun to listen to.
async fn listens(one: &dyn FanoutBus, other: &dyn FanoutBus, shard: BusShard) {
    let mut heard = pin!(greeted(other));
    let listening = async {
        loop {
            tokio::select! {
                biased;
                () = &mut heard => return,
                _ = one.send(BusTopic::Shard(shard), Bytes::from_static(GREETING)) => {}
            }
        }
    };
    within("a greeting of the shard", listening).await;
}

/// Behaviour that all transports share.
async fn conform(one: &dyn FanoutBus, other: &dyn FanoutBus) {
    connect(one, other).await;
    // Every node receives every message for everyone, the sender included, whatever its bytes.
    let messages = [Bytes::from(vec![0xff; 1]), Bytes::from(vec![0; one.limits().max_message])];
    for message in &messages {
        one.send(BusTopic::Everyone, message.clone()).await.unwrap();
        assert_eq!(received(one).await, *message);
        assert_eq!(received(other).await, *message);
    }
    // Messages of a shard reach those that listen to it.
    other.listen(shard(1), true);
    listens(one, other, shard(1)).await;
    one.send(BusTopic::Shard(shard(1)), Bytes::from_static(b"shard")).await.unwrap();
    assert_eq!(received(other).await, Bytes::from_static(b"shard"));
    if one.limits().has_shards {
        one.send(BusTopic::Shard(shard(2)), Bytes::from_static(b"another")).await.unwrap();
        other.listen(shard(1), false);
        one.send(BusTopic::Shard(shard(1)), Bytes::from_static(b"again")).await.unwrap();
        one.send(BusTopic::Everyone, Bytes::from_static(b"end")).await.unwrap();
        assert_eq!(received(other).await, Bytes::from_static(b"end"));
    }
}
