//! Random histories of what ages: invitations in their mailboxes, and actions that are counted.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{InvitationId, MailboxId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::runner::{Replay, replay_all};
use crate::fixture::Fixture;
use crate::{Backend, PageLimits};
use less_sync_storage::{
    ActorHash, INVITATION_LIFETIME, InvitationRejection, Invitations as _, MailboxLimits, MailboxPage,
    NewInvitation, Permit, RateAction, RateLimit, RateLimitRejection, RateLimits as _, StorageError,
};

const HOUR: Duration = Duration::from_hours(1);

const LIMITS: MailboxLimits =
    MailboxLimits { invitations: 4, from_one_peer: 2, lifetime: INVITATION_LIFETIME };

const RATE: RateLimit = RateLimit { actions: 3, window: Duration::from_hours(24) };

#[derive(Clone, Debug)]
enum Step {
    Invite {
        mailbox: u8,
        peer: Option<&'static str>,
        fill: u8,
    },
    /// The nth invitation that ever was.
    Delete {
        mailbox: u8,
        nth: usize,
    },
    Page {
        mailbox: u8,
        after: Option<usize>,
        limit: usize,
    },
    Acquire {
        actor: u8,
        action: RateAction,
    },
    /// The nth permit that ever was.
    Release {
        nth: usize,
    },
    PurgeInvitations {
        batch: usize,
    },
    PurgeActions {
        batch: usize,
    },
    /// Never so much that something is as old as its limit to the second.
    TimePasses {
        hours: u32,
    },
    Reopen,
}

/// P17, P22, P23: every result of the store is that of the model.
pub fn random_expiry_histories_agree_with_the_model<B: Backend>() {
    replay_all::<ExpiryReplay<B>>(&vec(steps(), 1..40));
}

fn steps() -> impl Strategy<Value = Step> {
    let mailbox = || prop_oneof![3 => Just(1_u8), 1 => Just(2_u8)];
    let peer = prop_oneof![2 => Just(None), 2 => Just(Some("a.example")), 1 => Just(Some("b.example"))];
    prop_oneof![
        8 => (mailbox(), peer, any::<u8>()).prop_map(|(mailbox, peer, fill)| Step::Invite { mailbox, peer, fill }),
        2 => (mailbox(), 0..12_usize).prop_map(|(mailbox, nth)| Step::Delete { mailbox, nth }),
        4 => (mailbox(), prop::option::of(0..12_usize), 0..4_usize)
            .prop_map(|(mailbox, after, limit)| Step::Page { mailbox, after, limit }),
        8 => (0..2_u8, prop::sample::select(&RateAction::ALL[..]))
            .prop_map(|(actor, action)| Step::Acquire { actor, action }),
        2 => (0..12_usize).prop_map(|nth| Step::Release { nth }),
        1 => (0..4_usize).prop_map(|batch| Step::PurgeInvitations { batch }),
        1 => (0..4_usize).prop_map(|batch| Step::PurgeActions { batch }),
        4 => prop_oneof![Just(13_u32), Just(61_u32)].prop_map(|hours| Step::TimePasses { hours }),
        1 => Just(Step::Reopen),
    ]
}

/// An invitation in the model; its place among all is its id and its order.
struct ModelInvitation {
    mailbox: u8,
    peer: Option<&'static str>,
    fill: u8,
    created: Duration,
    deleted: bool,
}

/// A permit in the model.
struct Taken {
    permit: Permit,
    action: RateAction,
    at: Duration,
    gone: bool,
}

struct ExpiryReplay<B: Backend> {
    fixture: Fixture<B>,
    /// Time that has passed.
    now: Duration,
    invitations: Vec<ModelInvitation>,
    permits: Vec<Taken>,
}

fn mailbox(number: u8) -> MailboxId {
    MailboxId::from_bytes([number; 32])
}

/// Ids in no order: what comes first is decided by the time.
fn id(nth: usize) -> InvitationId {
    InvitationId::from_bytes([u8::try_from(nth * 151 % 256).unwrap(); 16])
}

impl<B: Backend> Replay for ExpiryReplay<B> {
    type Step = Step;
    type Backend = B;

    async fn begin() -> Self {
        let fixture = Fixture::<B>::new().await;
        Self { fixture, now: Duration::ZERO, invitations: Vec::new(), permits: Vec::new() }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Invite { mailbox, peer, fill } => self.invite(mailbox, peer, fill).await,
            Step::Delete { mailbox, nth } => self.delete(mailbox, nth).await,
            Step::Page { mailbox, after, limit } => self.page(mailbox, after, limit).await,
            Step::Acquire { actor, action } => self.acquire(actor, action).await,
            Step::Release { nth } => self.release(nth).await,
            Step::PurgeInvitations { batch } => {
                let due =
                    |invitation: &ModelInvitation| !invitation.deleted && !is_fresh(invitation, self.now);
                let due: Vec<usize> =
                    (0..self.invitations.len()).filter(|nth| due(&self.invitations[*nth])).collect();
                let purged = self.fixture.store.purge_invitations(batch).await.unwrap();
                assert_eq!(purged, batch.min(due.len()));
                due.into_iter().take(batch).for_each(|nth| self.invitations[nth].deleted = true);
            }
            Step::PurgeActions { batch } => {
                let now = self.now;
                let due = self.permits.iter_mut().filter(|taken| !taken.gone && !counts(taken, now));
                let purged = self.fixture.store.purge_actions(RATE.window, batch).await.unwrap();
                assert_eq!(due.take(batch).map(|taken| taken.gone = true).count(), purged);
            }
            Step::TimePasses { hours } => {
                self.fixture.backend.let_time_pass(HOUR * hours).await;
                self.now += HOUR * hours;
            }
            Step::Reopen => self.fixture.reopen(PageLimits::default()).await,
        }
    }

    async fn end(self) {
        self.fixture.end().await;
    }
}

impl<B: Backend> ExpiryReplay<B> {
    /// Unexpired invitations of a mailbox, oldest first.
    fn visible(&self, mailbox: u8) -> Vec<usize> {
        let is_visible = |nth: &usize| {
            let invitation = &self.invitations[*nth];
            invitation.mailbox == mailbox && !invitation.deleted && is_fresh(invitation, self.now)
        };
        (0..self.invitations.len()).filter(is_visible).collect()
    }

    async fn invite(&mut self, number: u8, peer: Option<&'static str>, fill: u8) {
        let invitation = NewInvitation {
            id: id(self.invitations.len()),
            payload: Bytes::from(vec![fill; usize::from(fill)]),
            origin_peer: peer.map(str::to_owned),
        };
        let visible = self.visible(number);
        let from_peer = visible.iter().filter(|nth| self.invitations[**nth].peer == peer).count();
        let is_full =
            visible.len() >= LIMITS.invitations || (peer.is_some() && from_peer >= LIMITS.from_one_peer);
        match self.fixture.store.create_invitation(mailbox(number), invitation.clone(), LIMITS).await {
            Ok(created) => {
                assert!(!is_full, "{visible:?}");
                assert_eq!((created.id, created.payload), (invitation.id, invitation.payload));
                let created = self.now;
                self.invitations.push(ModelInvitation {
                    mailbox: number,
                    peer,
                    fill,
                    created,
                    deleted: false,
                });
            }
            Err(StorageError::Rejected(InvitationRejection::MailboxFull)) => assert!(is_full, "{visible:?}"),
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn delete(&mut self, number: u8, nth: usize) {
        let invitation = self.invitations.get_mut(nth);
        let mine = invitation.filter(|invitation| invitation.mailbox == number && !invitation.deleted);
        let deleted = self.fixture.store.delete_invitation(mailbox(number), id(nth)).await;
        match mine {
            Some(invitation) => {
                deleted.unwrap();
                invitation.deleted = true;
            }
            None => assert!(
                matches!(deleted, Err(StorageError::Rejected(InvitationRejection::NotFound))),
                "{deleted:?}"
            ),
        }
    }

    async fn page(&self, number: u8, after: Option<usize>, limit: usize) {
        let page = MailboxPage { after: after.map(id), limit, max_bytes: usize::MAX };
        let found = self.fixture.store.invitations(mailbox(number), page).await.unwrap();
        let mine = |invitation: &ModelInvitation| invitation.mailbox == number && !invitation.deleted;
        let is_known = after.is_none_or(|nth| self.invitations.get(nth).is_some_and(mine));
        let expected = self.visible(number).into_iter();
        let expected = expected.filter(|nth| is_known && after.is_none_or(|after| *nth > after)).take(limit);
        let found: Vec<_> = found.into_iter().map(|invitation| (invitation.id, invitation.payload)).collect();
        let payload =
            |nth: usize| Bytes::from(vec![self.invitations[nth].fill; self.invitations[nth].fill.into()]);
        assert_eq!(found, expected.map(|nth| (id(nth), payload(nth))).collect::<Vec<_>>());
    }

    async fn acquire(&mut self, number: u8, action: RateAction) {
        let actor = ActorHash::from_bytes([number; 32]);
        let now = self.now;
        let counted = self.permits.iter().filter(|taken| {
            taken.permit.actor == actor && taken.action == action && !taken.gone && counts(taken, now)
        });
        let counted: Vec<Duration> = counted.map(|taken| taken.at).collect();
        let found = self.fixture.store.count_actions(action, actor, RATE.window).await.unwrap();
        assert_eq!(found, counted.len());
        match self.fixture.store.acquire(action, actor, RATE).await {
            Ok(permit) => {
                assert!(counted.len() < RATE.actions);
                self.permits.push(Taken { permit, action, at: now, gone: false });
                let ids: BTreeSet<[u8; 16]> = self.permits.iter().map(|taken| taken.permit.id).collect();
                assert_eq!(ids.len(), self.permits.len());
            }
            Err(StorageError::Rejected(RateLimitRejection::Exceeded { retry_after })) => {
                assert_eq!(counted.len(), RATE.actions);
                let free_in = RATE.window.saturating_sub(now.saturating_sub(counted[0]));
                assert!(
                    retry_after <= free_in && retry_after + HOUR > free_in,
                    "{retry_after:?} {free_in:?}"
                );
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn release(&mut self, nth: usize) {
        if let Some(taken) = self.permits.get_mut(nth) {
            self.fixture.store.release(taken.permit.clone()).await.unwrap();
            taken.gone = true;
        }
    }
}

fn is_fresh(invitation: &ModelInvitation, now: Duration) -> bool {
    now.saturating_sub(invitation.created) < INVITATION_LIFETIME
}

fn counts(taken: &Taken, now: Duration) -> bool {
    now.saturating_sub(taken.at) < RATE.window
}
