//! Events.

use less_sync_client::{Bound, Event, Options};
use less_sync_core::wire::{Empty, event, method};
use less_sync_core::{FileId, frame};
use pretty_assertions::assert_eq;

use crate::fake::{OTHER, SPACE, at, connected, record};

#[tokio::test]
async fn every_notification_becomes_a_typed_event() {
    let (_connection, mut events, mut peer) = connected(Options::default()).await;
    let file = event::FileEntry {
        id: FileId::from_bytes([5; 16]),
        record_id: record(1),
        size: 3,
        dek: None,
        deleted: false,
    };
    for message in [
        crate::fake::sync(SPACE, 1, 2),
        frame::notification(
            method::FILE,
            &event::FileEvent { space: SPACE, cursor: at(3), files: vec![file] },
        ),
        frame::notification(method::REVOKED, &event::Revoked { space: SPACE, reason: "ucan_revoked" }),
        frame::notification(method::RESUBSCRIBE, &event::Resubscribe { spaces: vec![SPACE, OTHER] }),
        frame::notification(method::INVITATION, &Empty),
        frame::notification(method::PRESENCE, &event::Presence { space: SPACE, peer: "p", data: b"d" }),
        frame::notification(method::PRESENCE_LEAVE, &event::PresenceLeave { space: SPACE, peer: "p" }),
        frame::notification(method::EVENT, &event::EphemeralEvent { space: SPACE, peer: "p", data: b"e" }),
        frame::notification("novelty", &Empty),
        frame::notification(method::SYNC, &Empty),
        frame::KEEPALIVE.into(),
    ] {
        peer.send(message).await;
    }
    peer.close(1001, "server shutting down").await;
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        seen.push(match event {
            Event::Sync(sync) => {
                let row = sync.records.first().unwrap();
                assert_eq!((row.id, row.blob.clone()), (record(2), Some("live".into())));
                format!("sync {} {}", sync.prev, sync.cursor)
            }
            Event::Membership(_) => "membership".to_owned(),
            Event::Files(files) => format!("files {} {}", files.cursor, files.files.len()),
            Event::Revoked { reason, .. } => format!("revoked {reason}"),
            Event::Resubscribe { spaces } => format!("resubscribe {}", spaces.len()),
            Event::Invitation => "invitation".to_owned(),
            Event::Presence(said) => format!("presence {} {:?}", said.peer, said.data),
            Event::PresenceLeave { peer, .. } => format!("leave {peer}"),
            Event::Ephemeral(said) => format!("event {} {:?}", said.peer, said.data),
            Event::Lagged { lost } => format!("lagged {lost}"),
            Event::Unknown { method } => format!("unknown {method}"),
        });
    }
    assert_eq!(
        seen,
        [
            "sync 1 2",
            "files 3 1",
            "revoked ucan_revoked",
            "resubscribe 2",
            "invitation",
            "presence p b\"d\"",
            "leave p",
            "event p b\"e\"",
            "unknown novelty",
            "unknown sync",
        ]
    );
}

#[tokio::test]
async fn unread_events_become_one_counted_gap_and_block_no_call() {
    let options = Options { event_queue: Bound { items: 3, bytes: 1 << 20 }, ..Options::default() };
    let (connection, mut events, mut peer) = connected(options).await;
    let server = async {
        for cursor in 1..=10 {
            peer.sync(SPACE, cursor - 1, cursor).await;
        }
        let asked = peer.asked().await;
        peer.respond(&asked, &Empty).await;
    };
    let (response, ()) = tokio::join!(connection.call("x", &Empty), server);
    response.unwrap();
    for expected in 1..=3 {
        assert!(matches!(events.next().await, Some(Event::Sync(sync)) if sync.cursor == at(expected)));
    }
    assert_eq!(events.next().await, Some(Event::Lagged { lost: 7 }));
    peer.sync(SPACE, 10, 11).await;
    assert!(matches!(events.next().await, Some(Event::Sync(sync)) if sync.cursor == at(11)));
}
