use bytes::Bytes;
use less_sync_core::{Did, SpaceId};

use super::*;
use crate::crypto::{Identity, KeyRing, SpaceKey};
use crate::membership::LogHead;
use crate::rows::MembershipEntry;
use crate::sharing::{Chain, seal_entry};

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const END: Timestamp = Timestamp::from_seconds(4_000_000_000);

/// Space without a server: the membership of its owner, and its log.
struct Fixture {
    owner: Identity,
    membership: Membership,
    head: LogHead,
    entries: Vec<MembershipEntry>,
}

impl Fixture {
    fn new() -> Self {
        let owner = Identity::random();
        let root = owner.grant(owner.did(), Permission::Admin, SPACE, END, None);
        let mut keys = KeyRing::new(SPACE);
        keys.insert(SpaceKey::random(SPACE, Epoch::FIRST));
        let membership =
            Membership { name: String::new(), root_key: owner.root_key(), ucan: Chain(root.clone()), keys };
        let mut fixture = Self { owner, membership, head: LogHead::default(), entries: Vec::new() };
        fixture.append_as_owner(Act::Admit(vec![Admission {
            joined: true,
            ..fixture.admission_of_owner(&root)
        }]));
        fixture
    }

    fn admission_of_owner(&self, root: &str) -> Admission {
        admission(&self.owner, root)
    }

    fn root(&self) -> String {
        self.membership.ucan.0.clone()
    }

    fn invitation(&self, member: &Identity, permission: Permission) -> String {
        self.owner.grant(member.did(), permission, SPACE, END, Some(&self.membership.ucan.0))
    }

    fn append(&mut self, author: &Identity, proof: &str, act: Act) {
        let key = self.membership.keys.newest().unwrap();
        let payload = Bytes::from(seal_entry(author, proof, key, &self.head, act));
        let next = self.head.followed_by(&payload);
        let bytes = |hash: [u8; 32]| Bytes::copy_from_slice(&hash);
        self.entries.push(MembershipEntry {
            chain_seq: self.head.next_seq(),
            prev_hash: self.head.hash.map(bytes),
            entry_hash: next.hash.map(bytes).unwrap(),
            payload,
        });
        self.head = next;
    }

    fn append_as_owner(&mut self, act: Act) {
        let owner = Identity::from_secret(self.owner.secret().clone()).unwrap();
        self.append(&owner, &self.root(), act);
    }

    fn invite(&mut self, member: &Identity, permission: Permission) -> String {
        let ucan = self.invitation(member, permission);
        self.append_as_owner(Act::Admit(vec![admission(member, &ucan)]));
        ucan
    }

    fn roster(&self) -> Roster {
        Roster::read(&Log::verify(self.entries.clone()).unwrap(), &self.membership)
    }

    fn dids(&self) -> Vec<Did> {
        self.roster().members().map(|member| member.did.clone()).collect()
    }
}

fn admission(member: &Identity, ucan: &str) -> Admission {
    Admission {
        did: member.did().as_str().to_owned(),
        name: "n".to_owned(),
        ucan: ucan.to_owned(),
        joined: false,
    }
}

fn removal(member: &Identity) -> Act {
    Act::Remove { did: member.did().as_str().to_owned(), cids: Vec::new() }
}

fn sorted(members: &[&Identity]) -> Vec<Did> {
    let mut dids: Vec<Did> = members.iter().map(|member| member.did().clone()).collect();
    dids.sort();
    dids
}

#[test]
fn members_are_invited_join_and_are_removed() {
    let mut fixture = Fixture::new();
    let member = Identity::random();
    let ucan = fixture.invite(&member, Permission::Write);
    let invited = fixture.roster().member(member.did()).unwrap().clone();
    assert_eq!((invited.joined, invited.permission(END)), (false, Some(Permission::Write)));
    assert_eq!(invited.permission(Timestamp::from_seconds(END.seconds() + 1)), None);

    fixture.append(&member, &ucan, Act::Join { name: "Bob".to_owned() });
    let joined = fixture.roster().member(member.did()).unwrap().clone();
    assert_eq!((joined.joined, joined.name.as_str()), (true, "Bob"));

    fixture.append_as_owner(removal(&member));
    assert_eq!(fixture.dids(), [fixture.owner.did().clone()]);
    assert_eq!(fixture.roster().removal(member.did()), Some(Epoch::FIRST));
}

#[test]
fn removed_member_returns_with_a_new_invitation_only() {
    let mut fixture = Fixture::new();
    let member = Identity::random();
    let old = fixture.invite(&member, Permission::Write);
    fixture.append_as_owner(removal(&member));
    fixture.append_as_owner(Act::Admit(vec![admission(&member, &old)]));
    assert_eq!(fixture.dids(), [fixture.owner.did().clone()]);
    fixture.invite(&member, Permission::Read);
    assert_eq!(fixture.dids(), sorted(&[&fixture.owner, &member]));
    assert_eq!(fixture.roster().removal(member.did()), None);
}

#[test]
fn only_administrators_remove_members() {
    let mut fixture = Fixture::new();
    let [writer, other] = std::array::from_fn(|_| Identity::random());
    let ucan = fixture.invite(&writer, Permission::Write);
    fixture.invite(&other, Permission::Read);
    fixture.append(&writer, &ucan, removal(&other));
    assert_eq!((fixture.dids().len(), fixture.roster().skipped()), (3, 1));
}

#[test]
fn members_invited_by_a_removed_member_are_removed() {
    let mut fixture = Fixture::new();
    let [member, guest] = std::array::from_fn(|_| Identity::random());
    let ucan = fixture.invite(&member, Permission::Admin);
    let derived = member.grant(guest.did(), Permission::Read, SPACE, END, Some(&ucan));
    fixture.append(&member, &ucan, Act::Admit(vec![admission(&guest, &derived)]));
    let roster = fixture.roster();
    let dependents: Vec<&str> =
        roster.dependents(member.did()).iter().map(|other| other.did.as_str()).collect();
    assert_eq!(dependents, [guest.did().as_str()]);
    fixture.append_as_owner(removal(&member));
    assert_eq!(fixture.dids(), [fixture.owner.did().clone()]);
    fixture.append(&member, &ucan, removal(&fixture_owner(&fixture)));
    assert_eq!((fixture.dids().len(), fixture.roster().skipped()), (1, 1));
}

fn fixture_owner(fixture: &Fixture) -> Identity {
    Identity::from_secret(fixture.owner.secret().clone()).unwrap()
}

#[test]
fn strangers_and_chains_of_other_spaces_are_skipped() {
    let mut fixture = Fixture::new();
    let stranger = Identity::random();
    let own = stranger.grant(stranger.did(), Permission::Admin, SPACE, END, None);
    fixture.append(&stranger, &own, removal(&fixture_owner(&fixture)));
    let elsewhere = SpaceId::from_bytes([2; 16]);
    let other = fixture.owner.grant(stranger.did(), Permission::Admin, elsewhere, END, None);
    fixture.append_as_owner(Act::Admit(vec![admission(&stranger, &own), admission(&stranger, &other)]));
    assert_eq!(fixture.dids(), [fixture.owner.did().clone()]);
}

#[test]
fn admissions_are_repeated_under_a_new_key() {
    let mut fixture = Fixture::new();
    let member = Identity::random();
    fixture.invite(&member, Permission::Read);
    let second = Epoch::new(2).unwrap();
    fixture.membership.keys.insert(SpaceKey::random(SPACE, second));
    let again = fixture.roster().to_be_listed(second);
    assert_eq!(again.len(), 2);
    fixture.append_as_owner(Act::Admit(again));
    assert_eq!(fixture.roster().to_be_listed(second), []);

    let members = fixture.dids();
    let newest = fixture.membership.keys.key(second).unwrap().clone();
    fixture.membership.keys = KeyRing::new(SPACE);
    fixture.membership.keys.insert(newest);
    assert_eq!(fixture.dids(), members);
}
