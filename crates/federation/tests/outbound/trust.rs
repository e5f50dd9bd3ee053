//! Trust on every dial and after every reload (federation INV-7, §5.5).

use less_sync_core::PeerId;
use less_sync_engine::HomeError;
use less_sync_federation::outbound::Repeat;
use less_sync_test_support::within;

use crate::fixture::{Fixture, TRUSTED, request};

/// INV-7, federation §5.1, TH-5: only trusted peers of the outbound direction are dialled.
#[tokio::test]
async fn inv_7_only_trusted_peers_are_dialled() {
    for peers in [
        String::new(),
        format!("{TRUSTED}trust = \"blocked\"\n"),
        format!("{TRUSTED}trust = \"quarantined\"\n"),
        format!("{TRUSTED}direction = \"inbound\"\n"),
    ] {
        let fixture = Fixture::with(&peers).await;
        assert!(!fixture.outbound.is_enabled());
        let call = fixture.call(request("push", Repeat::Unsent));
        assert_eq!(within("the failure", call).await.unwrap(), Err(HomeError::Untrusted), "{peers}");
        assert!(fixture.has_not_dialled().await, "{peers}");
    }
    assert!(Fixture::new().await.outbound.is_enabled());
}

/// FM-16, T-316: a reload that removes the peer closes the link with 1000 and fails its calls; restored trust works at once.
#[tokio::test]
async fn fm_16_removed_peer_loses_its_link_and_calls() {
    let fixture = Fixture::new().await;
    let (mut peer, call) = fixture.up(request("subscribe", Repeat::Always)).await;
    peer.request().await;
    fixture.reload("");
    assert_eq!(within("the failure", call).await.unwrap(), Err(HomeError::Untrusted));
    assert_eq!(peer.close().await.0, 1000);
    let call = fixture.call(request("push", Repeat::Unsent));
    assert_eq!(within("the failure", call).await.unwrap(), Err(HomeError::Untrusted));
    fixture.reload(TRUSTED);
    let (_peer, _call) = fixture.up(request("push", Repeat::Unsent)).await;
}

/// FM-17: trust that ends during a dial leads to no link.
#[tokio::test]
async fn fm_17_trust_is_checked_after_the_dial_too() {
    let fixture = Fixture::new().await;
    let call = fixture.call(request("push", Repeat::Unsent));
    let dial = fixture.dial().await;
    fixture.reload("");
    let mut peer = dial.accept();
    assert_eq!(within("the failure", call).await.unwrap(), Err(HomeError::Untrusted));
    peer.shake(&[]).await;
    assert_eq!(peer.close().await.0, 1000);
    assert_eq!(fixture.outbound.open_links(), 0);
}

/// ID-4, ID-7: a peer is found by its aliases, and the own identity by the keys.
#[tokio::test]
async fn id_4_aliases_name_the_peer() {
    let fixture = Fixture::with(&format!("{TRUSTED}aliases = [\"id.example\"]\n")).await;
    let peer = |name: &str| name.parse::<PeerId>().unwrap();
    assert_eq!(fixture.outbound.trusted(&peer("id.example")), Some(peer("b.example")));
    assert_eq!(fixture.outbound.trusted(&peer("c.example")), None);
    assert!(fixture.outbound.is_own(&peer("a.example")));
    assert!(!fixture.outbound.is_own(&peer("b.example")));
}
