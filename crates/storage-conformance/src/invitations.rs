//! Invitations and their mailboxes.

use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{InvitationId, MailboxId};

use crate::fixture::Fixture;
use crate::{Backend, PageLimits};
use less_sync_storage::{
    INVITATION_LIFETIME, Invitation, InvitationRejection, Invitations as _, MailboxLimits, MailboxPage,
    NewInvitation, StorageError,
};

const WIDE: MailboxLimits =
    MailboxLimits { invitations: 500, from_one_peer: 100, lifetime: INVITATION_LIFETIME };

/// A whole mailbox.
const ALL: MailboxPage = MailboxPage { after: None, limit: 1000, max_bytes: usize::MAX };

fn mailbox(number: u8) -> MailboxId {
    MailboxId::from_bytes([number; 32])
}

fn id(number: u64) -> InvitationId {
    InvitationId::from_bytes(u128::from(number).to_be_bytes())
}

fn letter(number: u64, payload: &'static [u8]) -> NewInvitation {
    NewInvitation { id: id(number), payload: Bytes::from_static(payload), origin_peer: None }
}

impl<B: Backend> Fixture<B> {
    async fn invite(&self, mailbox: MailboxId, number: u64) -> Invitation {
        self.store.create_invitation(mailbox, letter(number, b"letter"), WIDE).await.unwrap()
    }

    async fn listed(&self, mailbox: MailboxId, page: MailboxPage) -> Vec<Invitation> {
        self.store.invitations(mailbox, page).await.unwrap()
    }
}

/// "invitation life cycle within its mailbox". P22.
pub async fn invitation_belongs_to_its_mailbox<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let (mine, other) = (mailbox(1), mailbox(2));
    let created = fixture.store.create_invitation(mine, letter(1, b"come"), WIDE).await.unwrap();
    assert_eq!((created.id, &created.payload[..]), (id(1), &b"come"[..]));
    let lifetime = created.expires_at.micros() - created.created_at.micros();
    assert_eq!(lifetime, i64::try_from(INVITATION_LIFETIME.as_micros()).unwrap());
    fixture.reopen(PageLimits::default()).await;
    assert_eq!(fixture.store.invitation(mine, id(1)).await.unwrap(), created);
    assert_eq!(fixture.listed(mine, ALL).await, [created]);
    assert_eq!(fixture.listed(other, ALL).await, []);
    for rejected in [
        fixture.store.invitation(other, id(1)).await.map(drop),
        fixture.store.delete_invitation(other, id(1)).await,
        fixture.store.invitation(mine, id(2)).await.map(drop),
        fixture.store.delete_invitation(mine, id(2)).await,
    ] {
        assert!(
            matches!(rejected, Err(StorageError::Rejected(InvitationRejection::NotFound))),
            "{rejected:?}"
        );
    }
    fixture.store.delete_invitation(mine, id(1)).await.unwrap();
    for rejected in [
        fixture.store.invitation(mine, id(1)).await.map(drop),
        fixture.store.delete_invitation(mine, id(1)).await,
    ] {
        assert!(
            matches!(rejected, Err(StorageError::Rejected(InvitationRejection::NotFound))),
            "{rejected:?}"
        );
    }
    assert_eq!(fixture.listed(mine, ALL).await, []);
    fixture.end().await;
}

/// "expiry hides, paging, purge": an expired invitation can still be deleted, and is still a position.
pub async fn expired_invitation_is_invisible<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.invite(mailbox(1), 1).await;
    fixture.invite(mailbox(1), 2).await;
    fixture.backend.let_time_pass(INVITATION_LIFETIME.saturating_sub(Duration::from_mins(1))).await;
    let young = fixture.invite(mailbox(1), 3).await;
    assert_eq!(fixture.listed(mailbox(1), ALL).await.len(), 3);
    assert_eq!(fixture.store.purge_invitations(10).await.unwrap(), 0);
    fixture.backend.let_time_pass(Duration::from_mins(2)).await;
    let ids: Vec<_> = fixture.listed(mailbox(1), ALL).await.iter().map(|letter| letter.id).collect();
    assert_eq!(ids, [young.id]);
    let rejected = fixture.store.invitation(mailbox(1), id(1)).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(InvitationRejection::NotFound))), "{rejected:?}");
    let page = MailboxPage { after: Some(id(2)), ..ALL };
    assert_eq!(fixture.listed(mailbox(1), page).await.len(), 1);
    fixture.store.delete_invitation(mailbox(1), id(2)).await.unwrap();
    assert_eq!(fixture.listed(mailbox(1), page).await, []);
    assert_eq!(fixture.store.purge_invitations(10).await.unwrap(), 1);
    assert_eq!(fixture.store.purge_invitations(10).await.unwrap(), 0);
    assert_eq!(fixture.listed(mailbox(1), ALL).await.len(), 1);
    fixture.end().await;
}

/// "foreign cursor, unknown cursor, limit 0 → empty"
pub async fn page_after_an_unknown_invitation_is_empty<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.invite(mailbox(1), 1).await;
    fixture.invite(mailbox(2), 2).await;
    fixture.invite(mailbox(1), 3).await;
    for page in [
        MailboxPage { after: Some(id(2)), ..ALL },
        MailboxPage { after: Some(id(9)), ..ALL },
        MailboxPage { after: Some(id(3)), ..ALL },
        MailboxPage { limit: 0, ..ALL },
        MailboxPage { max_bytes: 0, ..ALL },
    ] {
        assert_eq!(fixture.listed(mailbox(1), page).await, [], "{page:?}");
    }
    fixture.end().await;
}

/// Pages deliver each invitation once, oldest first; those of one moment by id. P22.
pub async fn pages_deliver_each_invitation_once<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    // Ids in no order: what counts first is the time.
    let numbers: Vec<u64> = (0..50).map(|n| n * 37 % 50).collect();
    for number in &numbers {
        fixture.invite(mailbox(1), *number).await;
        fixture.invite(mailbox(2), 1000 + number).await;
    }
    let all = fixture.listed(mailbox(1), ALL).await;
    assert!(all.is_sorted_by_key(|letter| (letter.created_at, letter.id)));
    for limit in [1, 7, 50] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = fixture.listed(mailbox(1), MailboxPage { after, limit, ..ALL }).await;
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            seen.extend(page);
        }
        assert_eq!(seen, all);
    }
    fixture.end().await;
}

/// A page ends with its bytes, and the invitation that reaches them is part of it.
pub async fn page_ends_with_its_bytes<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for number in 1..=5 {
        fixture.invite(mailbox(1), number).await;
    }
    for (max_bytes, expected) in [(1, 1), (6, 1), (7, 2), (12, 2), (13, 3), (1000, 5)] {
        let page = fixture.listed(mailbox(1), MailboxPage { max_bytes, ..ALL }).await;
        assert_eq!(page.len(), expected, "{max_bytes}");
    }
    fixture.end().await;
}

/// A mailbox holds so many unexpired invitations and no more (storage §3.14).
pub async fn full_mailbox_rejects_invitations<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let limits = MailboxLimits { invitations: 3, from_one_peer: 3, lifetime: INVITATION_LIFETIME };
    let invite = async |number: u64| {
        fixture.store.create_invitation(mailbox(1), letter(number, b"x"), limits).await.map(drop)
    };
    for number in 1..=3 {
        invite(number).await.unwrap();
    }
    let rejected = invite(4).await;
    assert!(
        matches!(rejected, Err(StorageError::Rejected(InvitationRejection::MailboxFull))),
        "{rejected:?}"
    );
    fixture.store.create_invitation(mailbox(2), letter(5, b"x"), limits).await.unwrap();
    fixture.store.delete_invitation(mailbox(1), id(2)).await.unwrap();
    invite(6).await.unwrap();
    let rejected = invite(7).await;
    assert!(
        matches!(rejected, Err(StorageError::Rejected(InvitationRejection::MailboxFull))),
        "{rejected:?}"
    );
    fixture.backend.let_time_pass(INVITATION_LIFETIME).await;
    for number in 8..=10 {
        invite(number).await.unwrap();
    }
    assert_eq!(fixture.listed(mailbox(1), ALL).await.len(), 3);
    fixture.end().await;
}

/// Of the invitations in a mailbox, so many may come from one and the same server.
pub async fn peer_is_limited_to_its_part_of_a_mailbox<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let limits = MailboxLimits { invitations: 5, from_one_peer: 2, lifetime: INVITATION_LIFETIME };
    let invite = async |number: u64, peer: Option<&str>| {
        let origin_peer = peer.map(str::to_owned);
        let invitation = NewInvitation { origin_peer, ..letter(number, b"x") };
        fixture.store.create_invitation(mailbox(1), invitation, limits).await.map(drop)
    };
    invite(1, Some("a.example")).await.unwrap();
    invite(2, Some("a.example")).await.unwrap();
    let rejected = invite(3, Some("a.example")).await;
    assert!(
        matches!(rejected, Err(StorageError::Rejected(InvitationRejection::MailboxFull))),
        "{rejected:?}"
    );
    invite(4, Some("b.example")).await.unwrap();
    invite(5, None).await.unwrap();
    invite(6, None).await.unwrap();
    for peer in [None, Some("b.example"), Some("c.example")] {
        let rejected = invite(7, peer).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(InvitationRejection::MailboxFull))),
            "{peer:?}: {rejected:?}"
        );
    }
    fixture.end().await;
}

/// Federation IV-4: the invitations of one server are deleted together, and no others.
pub async fn invitations_of_a_peer_are_deleted<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for (number, mail, peer) in [(1, 1, Some("a.example")), (2, 2, Some("a.example")), (3, 1, None)] {
        let invitation = NewInvitation { origin_peer: peer.map(str::to_owned), ..letter(number, b"x") };
        fixture.store.create_invitation(mailbox(mail), invitation, WIDE).await.unwrap();
    }
    let peer = "a.example".parse().unwrap();
    assert_eq!(fixture.store.delete_invitations_from(&peer).await.unwrap(), 2);
    assert_eq!(fixture.store.delete_invitations_from(&peer).await.unwrap(), 0);
    let left: Vec<_> = fixture.listed(mailbox(1), ALL).await.into_iter().map(|one| one.id).collect();
    assert_eq!(left, [id(3)]);
    assert_eq!(fixture.listed(mailbox(2), ALL).await, []);
    fixture.end().await;
}

/// P23: every byte comes back.
pub async fn payloads_are_stored_unchanged<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    let payloads = [Bytes::new(), Bytes::from_static(&[0]), all_bytes.repeat(512).into()];
    for (payload, number) in payloads.iter().zip(1..) {
        let invitation = NewInvitation { id: id(number), payload: payload.clone(), origin_peer: None };
        fixture.store.create_invitation(mailbox(1), invitation, WIDE).await.unwrap();
        assert_eq!(fixture.store.invitation(mailbox(1), id(number)).await.unwrap().payload, *payload);
    }
    fixture.end().await;
}

/// Storage §3.18: a purge removes the longest expired first, up to its limit.
pub async fn purge_of_invitations_works_in_batches<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for number in 1..=25 {
        fixture.invite(mailbox(u8::try_from(number % 3).unwrap()), number).await;
    }
    fixture.backend.let_time_pass(INVITATION_LIFETIME + Duration::from_secs(1)).await;
    fixture.invite(mailbox(1), 100).await;
    for expected in [10, 10, 5, 0] {
        assert_eq!(fixture.store.purge_invitations(10).await.unwrap(), expected);
    }
    assert_eq!(fixture.store.purge_invitations(0).await.unwrap(), 0);
    assert_eq!(fixture.listed(mailbox(1), ALL).await.len(), 1);
    fixture.end().await;
}
