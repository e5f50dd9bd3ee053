//! Transport over NATS.

use bytes::Bytes;
use less_sync_bus::{NatsBus, NatsOptions};
use less_sync_engine::ports::{BusTopic, FanoutBus as _};
use less_sync_test_support::{NatsServer, within};

use crate::{conform, connect, fails, listens, received, shard};

fn transport(url: &str) -> NatsBus {
    prefixed(url, "less-sync")
}

fn prefixed(url: &str, prefix: &str) -> NatsBus {
    NatsBus::new(NatsOptions::new(url, prefix).unwrap())
}

#[tokio::test]
async fn nats_conforms() {
    let server = NatsServer::start().await;
    conform(&transport(&server.url()), &transport(&server.url())).await;
}

/// Subscriptions of shards belong to the node, not to the connection.
#[tokio::test]
async fn nats_that_was_killed_is_used_again_with_all_subscriptions() {
    let mut server = NatsServer::start().await;
    let (one, other) = (transport(&server.url()), transport(&server.url()));
    connect(&one, &other).await;
    other.listen(shard(1), true);
    listens(&one, &other, shard(1)).await;
    server.kill();
    fails(&one).await;
    fails(&other).await;
    // A transmission does not wait for a server that is gone.
    let failed = one.send(BusTopic::Everyone, Bytes::from_static(b"lost"));
    within("the failure of a message", failed).await.unwrap_err();
    server.restart().await;
    connect(&one, &other).await;
    one.send(BusTopic::Shard(shard(1)), Bytes::from_static(b"again")).await.unwrap();
    assert_eq!(received(&other).await, Bytes::from_static(b"again"));
}

/// A node that does not wait for its subscription receives its own message all the same, by which it knows that it listens.
#[tokio::test]
async fn nats_has_the_subscription_before_the_message_that_follows_it() {
    let server = NatsServer::start().await;
    let (one, other) = (transport(&server.url()), transport(&server.url()));
    connect(&one, &other).await;
    for number in 1..100 {
        one.listen(shard(number), true);
        one.send(BusTopic::Shard(shard(number)), Bytes::from(vec![number])).await.unwrap();
        assert_eq!(received(&one).await, Bytes::from(vec![number]));
    }
}

/// A frozen server neither accepts nor ends anything: transmissions have a limit, and a reset ends the waiting.
#[tokio::test]
async fn reset_interrupts_the_receiver_of_a_silent_nats() {
    let server = NatsServer::start().await;
    let (one, other) = (transport(&server.url()), transport(&server.url()));
    connect(&one, &other).await;
    server.freeze();
    // More than the buffers of both sockets.
    let message = Bytes::from(vec![0; one.limits().max_message]);
    let stuck = async { while one.send(BusTopic::Everyone, message.clone()).await.is_ok() {} };
    within("the failure of a message", stuck).await;
    tokio::join!(fails(&one), one.reset());
    server.thaw();
    connect(&one, &other).await;
}

#[tokio::test]
async fn nats_with_a_password_or_a_token_lets_clients_in_that_have_it() {
    for (settings, user) in [
        ("authorization { user: less, password: \"p@ss\" }", "less:p%40ss@"),
        ("authorization { token: \"t0ken\" }", "t0ken@"),
    ] {
        let server = NatsServer::with(settings).await;
        let url = format!("nats://{user}{}", server.address());
        connect(&transport(&url), &transport(&url)).await;
        let rejected = transport(&server.url()).receive().await.unwrap_err();
        let shown = format!("{:?}", less_sync_core::ErrorChain(&rejected).to_string());
        assert!(shown.contains("authorization violation"), "{shown}");
        let wrong =
            transport(&format!("nats://less:wr0ng@{}", server.address())).receive().await.unwrap_err();
        assert!(!format!("{wrong:?}").contains("wr0ng"), "{wrong:?}");
    }
}

/// A client that may not subscribe would hear nothing, and not know it.
#[tokio::test]
async fn nats_that_forbids_a_subject_is_a_failure() {
    let server = NatsServer::with(
        "authorization { users: [{ user: a, password: b, permissions: { subscribe: \"other.>\" } }] }",
    )
    .await;
    let bus = transport(&format!("nats://a:b@{}", server.address()));
    let failed = within("the failure", bus.receive()).await.unwrap_err();
    let shown = less_sync_core::ErrorChain(&failed).to_string();
    assert!(shown.to_lowercase().contains("permissions violation"), "{shown}");
}

/// Two deployments on one server do not hear each other.
#[tokio::test]
async fn nats_prefixes_separate_deployments() {
    let server = NatsServer::start().await;
    let (here, there) = (prefixed(&server.url(), "here"), prefixed(&server.url(), "there"));
    connect(&here, &prefixed(&server.url(), "here")).await;
    connect(&there, &prefixed(&server.url(), "there")).await;
    here.send(BusTopic::Everyone, Bytes::from_static(b"here")).await.unwrap();
    there.send(BusTopic::Everyone, Bytes::from_static(b"there")).await.unwrap();
    assert_eq!(received(&here).await, Bytes::from_static(b"here"));
    assert_eq!(received(&there).await, Bytes::from_static(b"there"));
}

/// The first server of a list may be down.
#[tokio::test]
async fn any_nats_of_a_list_is_used() {
    let (mut gone, server) = (NatsServer::start().await, NatsServer::start().await);
    gone.kill();
    let urls = format!("{},{}", gone.url(), server.url());
    connect(&transport(&urls), &transport(&urls)).await;
}
