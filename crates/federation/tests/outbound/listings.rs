//! Listings of keys at home servers (federation §12.4).

use less_sync_core::cbor::Decode as _;
use less_sync_core::wire::chunk;
use less_sync_core::wire::deks::{DekRecord, DeksGetParams, DeksResult};
use less_sync_core::{Cursor, Dek, DekKind, RecordId, SpaceId, frame};
use less_sync_engine::{HomeError, RemoteDekListing, RemoteDeks};
use less_sync_federation::outbound::Repeat;
use less_sync_federation::outbound::dialer::Received;
use less_sync_test_support::within;

use crate::fixture::{Fixture, Peer, request, start};

fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

/// A listing at a native peer, its id there.
async fn listing(fixture: &Fixture) -> (Peer, String, Box<dyn RemoteDeks>) {
    let home = fixture.home();
    let space = SpaceId::from_bytes([7; 16]);
    let listing = RemoteDekListing { space, kind: DekKind::Record, since: cursor(0), ucan: "chain".into() };
    let begun = start(async move { home.list_deks(listing).await });
    let mut peer = fixture.dial().await.accept();
    peer.shake(&["cancel", "rpc.forward"]).await;
    let (id, since) = asked(&mut peer).await;
    assert_eq!(since, 0);
    (peer, id, within("the listing", begun).await.unwrap().unwrap())
}

async fn asked(peer: &mut Peer) -> (String, u64) {
    let (id, params) = peer.expect("deks.get").await;
    (id, DeksGetParams::decode(&params).unwrap().since)
}

async fn key(peer: &Peer, id: &str, number: u64) {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    let row = DekRecord { id: RecordId::from_bytes(bytes), dek: &[1; Dek::LENGTH], seq: cursor(number) };
    peer.chunk(id, chunk::DEKS_RECORD, &row).await;
}

async fn end(peer: &Peer, id: &str, chunks: u64) {
    let result = DeksResult { chunks, deks: Some(Vec::new()) };
    peer.send(Received::Message(frame::response(id, &result))).await;
}

/// Cursors of all keys to come, or the failure.
async fn keys(listing: &mut dyn RemoteDeks) -> Result<Vec<u64>, HomeError> {
    let mut cursors = Vec::new();
    while let Some(rows) = within("rows", listing.next()).await? {
        cursors.extend(rows.iter().map(|row| row.cursor.get()));
    }
    Ok(cursors)
}

/// FW-3: keys that a client does not take in time are dropped, and listed again.
#[tokio::test]
async fn fw_3_listing_goes_on_after_a_client_that_was_slow() {
    let fixture = Fixture::new().await;
    let (mut peer, id, mut listing) = listing(&fixture).await;
    for number in 1..=20_000 {
        key(&peer, &id, number).await;
    }
    let other = fixture.call(request("push", Repeat::Unsent));
    let (push, _) = peer.expect("push").await;
    peer.respond(&push).await;
    within("a call beside the listing", other).await.unwrap().unwrap();
    let all = start(async move { keys(&mut *listing).await });
    peer.expect("fed.cancel").await;
    let (id, since) = asked(&mut peer).await;
    assert!((5_000..20_000).contains(&since), "{since}");
    for number in since + 1..=since + 3 {
        key(&peer, &id, number).await;
    }
    end(&peer, &id, 3).await;
    assert_eq!(within("all keys", all).await.unwrap(), Ok((1..=since + 3).collect()));
}

/// A listing that misses rows would leave keys behind: it fails.
#[tokio::test]
async fn incomplete_listing_fails() {
    let fixture = Fixture::new().await;
    let (peer, id, mut listing) = listing(&fixture).await;
    key(&peer, &id, 1).await;
    end(&peer, &id, 2).await;
    assert_eq!(keys(&mut *listing).await, Err(HomeError::Unavailable));
}
