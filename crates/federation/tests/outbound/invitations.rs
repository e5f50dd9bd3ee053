//! Invitations to mailboxes on other servers (federation §14.1).

use bytes::Bytes;
use less_sync_core::wire::federation::{FedInvitationParams, FedInvitationResult};
use less_sync_core::{ErrorCode, MailboxId, frame};
use less_sync_engine::{InvitationRelay as _, OutgoingInvitation, RelayError};
use less_sync_federation::outbound::InvitationSender;
use less_sync_federation::outbound::dialer::{Received, Sent};
use less_sync_test_support::within;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, Peer, TRUSTED, start};

fn send(fixture: &Fixture, server: &'static str) -> JoinHandle<Result<(), RelayError>> {
    let sender = InvitationSender::new(fixture.outbound.clone());
    let invitation = OutgoingInvitation {
        mailbox: MailboxId::from_bytes([7; 32]),
        payload: Bytes::from_static(b"ciphertext"),
        tag: Some([9; 16]),
    };
    start(async move { sender.relay(server, &invitation).await })
}

async fn connected(fixture: &Fixture) -> (Peer, JoinHandle<Result<(), RelayError>>) {
    let sent = send(fixture, "https://B.example:8443/x");
    let mut peer = fixture.dial().await.accept();
    peer.shake(&["idem"]).await;
    (peer, sent)
}

/// T-043, T-516: params and result of a delivery; the URL that the user has named is not dialled.
#[tokio::test]
async fn t_516_invitation_is_delivered_to_the_server_of_the_mailbox() {
    let fixture = Fixture::new().await;
    let sent = send(&fixture, "https://B.example:8443/x");
    let dial = fixture.dial().await;
    assert_eq!(dial.request.url.as_str(), "wss://b.example/ws");
    let mut peer = dial.accept();
    peer.shake(&["idem"]).await;
    let Some(Sent::Message(message)) = peer.next().await else { panic!("no request") };
    let frame::Inbound::Request { id, method, params } = frame::parse(&message).unwrap() else {
        panic!("{message:?}")
    };
    assert_eq!(method, "fed.invitation");
    let params: FedInvitationParams<'_> = params.decode().unwrap();
    assert_eq!((params.mailbox_id, params.payload), (&*"07".repeat(32), "ciphertext"));
    assert_eq!((params.tag, params.idem.map(<[u8]>::len)), (Some(&[9; 16][..]), Some(16)));
    let result = FedInvitationResult { ok: true, status: Some("delivered") };
    peer.send(Received::Message(frame::response(id, &result))).await;
    within("the outcome", sent).await.unwrap().unwrap();
}

/// T-516, federation §14.1 rows 4 and 5: without federation, and for a server that is not trusted, no dial is made.
#[tokio::test]
async fn t_516_untrusted_servers_are_not_dialled() {
    for (peers, server, error) in [
        ("", "b.example", RelayError::Disabled),
        (TRUSTED, "c.example", RelayError::Untrusted),
        (TRUSTED, "not a host", RelayError::Untrusted),
        (TRUSTED, "127.0.0.1", RelayError::Untrusted),
    ] {
        let fixture = Fixture::with(peers).await;
        assert_eq!(within("the failure", send(&fixture, server)).await.unwrap(), Err(error), "{server}");
        assert!(fixture.has_not_dialled().await);
    }
}

/// T-516, T-043, federation §14.1 row 6: limits pass through; `ok: false` and every other error are failures.
#[tokio::test]
async fn t_516_errors_of_the_other_server_are_mapped() {
    for (code, expected) in [
        (ErrorCode::RateLimited, RelayError::RateLimited("text".to_owned())),
        (ErrorCode::PayloadTooLarge, RelayError::TooLarge),
        (ErrorCode::MethodNotFound, RelayError::Failed),
        (ErrorCode::Forbidden, RelayError::Failed),
    ] {
        let fixture = Fixture::new().await;
        let (mut peer, sent) = connected(&fixture).await;
        let (id, _) = peer.request().await;
        peer.reject(&id, code).await;
        assert_eq!(within("the failure", sent).await.unwrap(), Err(expected));
    }
    let fixture = Fixture::new().await;
    let (mut peer, sent) = connected(&fixture).await;
    let (id, _) = peer.request().await;
    let result = FedInvitationResult { ok: false, status: None };
    peer.send(Received::Message(frame::response(&id, &result))).await;
    assert_eq!(within("the failure", sent).await.unwrap(), Err(RelayError::Failed));
}

/// ID-7: an address with the own identity is local, in every form.
#[tokio::test]
async fn id_7_own_addresses_are_local() {
    let fixture = Fixture::new().await;
    let sender = InvitationSender::new(fixture.outbound.clone());
    for own in ["a.example", "A.example:8443", "wss://a.example/x"] {
        assert!(sender.is_own(own), "{own}");
    }
    assert!(!sender.is_own("b.example"));
}
