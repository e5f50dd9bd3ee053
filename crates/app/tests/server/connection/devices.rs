//! Two devices of one user on the client that applications use, over good and bad networks.

use std::time::Duration;

use less_sync_client::Change;
use less_sync_core::{Cursor, RecordId};
use less_sync_test_support::{Device, Fault, FaultProxy, TestServer, record_id};

fn record(index: u128) -> RecordId {
    record_id(index).parse().unwrap()
}

#[tokio::test]
async fn two_devices_exchange_changes_live() {
    let server = TestServer::start().await;
    let mut phone = Device::connect(&server).await;
    let mut laptop = Device::connect(&server).await;
    phone.subscribe().await;
    laptop.subscribe().await;
    let created = phone.push(&[Change::create(record(1), "from the phone")]).await;
    let heard = laptop.next_sync().await;
    assert_eq!((heard.prev, heard.cursor), (Cursor::ZERO, created));
    assert_eq!(heard.records[0].blob.as_deref(), Some(&b"from the phone"[..]));
    laptop.push(&[Change::update(record(1), created, "from the laptop")]).await;
    assert_eq!(phone.next_sync().await.records[0].blob.as_deref(), Some(&b"from the laptop"[..]));
    let deleted = phone.push(&[Change::delete(record(1), Cursor::new(2).unwrap())]).await;
    assert_eq!(laptop.next_sync().await.records[0].blob, None);
    assert_eq!(laptop.pull(Cursor::ZERO).await, (Vec::new(), deleted));
}

/// Acknowledged records survive a restart, and the space continues at its cursor.
#[tokio::test]
async fn a_restart_loses_nothing() {
    let server = TestServer::start().await;
    let mut device = Device::connect(&server).await;
    for index in 0..20 {
        device.push(&[Change::create(record(index), vec![7; 10_000])]).await;
    }
    let before = device.pull(Cursor::ZERO).await;
    let server = server.restart().await;
    let mut device = Device::connect(&server).await;
    assert_eq!(device.pull(Cursor::ZERO).await, before);
    let next = device.push(&[Change::create(record(100), "after")]).await;
    assert_eq!(next.get(), 21);
}

#[tokio::test]
async fn a_device_behind_a_slow_network_gets_the_same() {
    let server = TestServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let mut near = Device::connect(&server).await;
    let mut far = Device::connect(&server).through(proxy.address()).await;
    proxy.link(0).await.fault(Fault::Delay(Duration::from_millis(5)));
    far.subscribe().await;
    for index in 0..10 {
        let cursor = near.push(&[Change::create(record(index), vec![7; 50_000])]).await;
        assert_eq!(far.next_sync().await.cursor, cursor);
    }
    assert_eq!(far.pull(Cursor::ZERO).await, near.pull(Cursor::ZERO).await);
}

/// A lost connection during many pushes: the device reconnects and pulls the missed records.
#[tokio::test]
async fn a_disconnected_device_catches_up() {
    let server = TestServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let mut near = Device::connect(&server).await;
    let mut far = Device::connect(&server).through(proxy.address()).await;
    far.subscribe().await;
    near.push(&[Change::create(record(1), "seen")]).await;
    let seen = far.next_sync().await.cursor;
    proxy.link(0).await.cut();
    near.push(&[Change::create(record(2), "missed")]).await;
    let mut back = Device::connect(&server).through(proxy.address()).await;
    assert_eq!(back.subscribe().await.cursor.get(), 2);
    let (rows, reached) = back.pull(seen).await;
    assert_eq!((rows.len(), rows[0].id, reached.get()), (1, record(2), 2));
}
