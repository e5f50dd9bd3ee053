//! Roster of a space: members derived from the membership log.

use std::collections::{BTreeMap, HashSet};

use less_sync_auth::ucan::{self, TokenCids, VerifiedChain};
use less_sync_core::{Cid, Did, Epoch, Permission, Timestamp};

use super::entry::{Opened, open_entry};
use super::{Act, Admission, Membership};
use crate::crypto::DecryptionError;
use crate::membership::Log;

/// Verification time of chains in the log. Expiry is checked on use: an entry by a member whose rights expired later stays
/// valid.
const AT_ANY_TIME: Timestamp = Timestamp::from_seconds(0);

/// Chain of UCANs of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Granted permission.
    pub permission: Permission,
    /// Expiry, inclusive.
    pub expires_at: Timestamp,
    /// CID of the outermost token, by which the chain is revoked.
    pub cid: Cid,
    ucan: super::Chain,
    /// Both CIDs of every token of the chain.
    cids: Box<[Cid]>,
}

/// Member, invited or joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `did:key` of the member.
    pub did: Did,
    /// Display name: chosen by the member, or by the inviter before that.
    pub name: String,
    /// True if the member has accepted the invitation.
    pub joined: bool,
    /// Chains of the member, at least one.
    pub tokens: Vec<Token>,
    /// Epoch under whose key the member was last admitted.
    listed: Epoch,
}

/// Members of a space. All chains are verified up to the root key; removals count if an administrator signed them.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    members: BTreeMap<Did, Member>,
    revoked: HashSet<Cid>,
    removed: BTreeMap<Did, Epoch>,
    skipped: usize,
}

impl Member {
    /// Highest permission at `now`; `None` if all chains have expired.
    #[must_use]
    pub fn permission(&self, now: Timestamp) -> Option<Permission> {
        let valid = self.tokens.iter().filter(|token| token.expires_at >= now);
        valid.map(|token| token.permission).max()
    }

    /// Latest expiry of all chains, inclusive.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.tokens.iter().map(|token| token.expires_at).max()
    }
}

impl Roster {
    /// Derives the roster from the log. Entries under unknown keys are older than the member's admission and ignored;
    /// invalid ones are counted and skipped.
    #[must_use]
    pub fn read(log: &Log, membership: &Membership) -> Self {
        let mut roster = Self::default();
        for entry in &log.entries {
            match open_entry(&membership.keys, entry) {
                Ok(opened) => roster.apply(opened, membership),
                Err(DecryptionError::NoKey(_)) => {}
                Err(DecryptionError::NotEncrypted | DecryptionError::Damaged) => roster.skipped += 1,
            }
        }
        roster
    }

    /// Members with rights that are not revoked, by DID.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Member with this DID.
    #[must_use]
    pub fn member(&self, did: &Did) -> Option<&Member> {
        self.members.get(did)
    }

    /// Epoch of the last removal of `did`; `None` if they were never removed, or were admitted again.
    #[must_use]
    pub fn removal(&self, did: &Did) -> Option<Epoch> {
        self.removed.get(did).copied()
    }

    /// Number of invalid entries.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Returns whether the log revokes no token of the chain.
    #[must_use]
    pub fn is_live(&self, chain: &VerifiedChain) -> bool {
        chain.cids().iter().all(|cid| !self.revoked.contains(cid))
    }

    /// Members who would lose all rights with a revocation of `did`, because `did` invited them.
    #[must_use]
    pub fn dependents(&self, did: &Did) -> Vec<&Member> {
        let own: HashSet<Cid> = self.tokens_of(did).map(|token| token.cid).collect();
        let falls = |token: &Token| token.cids.iter().any(|cid| own.contains(cid));
        let others = self.members().filter(|member| member.did != *did);
        others.filter(|member| member.tokens.iter().all(falls)).collect()
    }

    /// Admissions to repeat under the key of `epoch`: members last admitted under an older one.
    #[must_use]
    pub fn to_be_listed(&self, epoch: Epoch) -> Vec<Admission> {
        let members = self.members().filter(|member| member.listed < epoch);
        members.flat_map(admissions).collect()
    }

    fn tokens_of(&self, did: &Did) -> impl Iterator<Item = &Token> {
        self.member(did).into_iter().flat_map(|member| &member.tokens)
    }

    fn apply(&mut self, opened: Opened, membership: &Membership) {
        let Opened { by, proof, epoch, act } = opened;
        let author = membership.verify_chain(&proof, &by, Permission::Read, AT_ANY_TIME);
        let Some(author) = author.ok().filter(|author| self.is_live(author)) else {
            self.skipped += 1;
            return;
        };
        match act {
            Act::Admit(admissions) => {
                for admission in admissions {
                    self.admit(admission, epoch, membership);
                }
            }
            Act::Join { name } => {
                if let Some(member) = self.members.get_mut(&by) {
                    (member.name, member.joined) = (name, true);
                }
            }
            Act::Remove { did, cids } if author.permission().covers(Permission::Admin) => {
                match Did::try_from(did) {
                    Ok(did) => self.remove(did, &cids, epoch),
                    Err(_) => self.skipped += 1,
                }
            }
            Act::Remove { .. } => self.skipped += 1,
        }
    }

    fn admit(&mut self, admission: Admission, epoch: Epoch, membership: &Membership) {
        let Admission { did, name, ucan, joined } = admission;
        let Ok(did) = Did::try_from(did) else { return };
        let chain = membership.verify_chain(&ucan, &did, Permission::Read, AT_ANY_TIME);
        let Some(chain) = chain.ok().filter(|chain| self.is_live(chain)) else { return };
        let token = Token {
            permission: chain.permission(),
            expires_at: chain.expires_at(),
            cid: ucan::cid(&ucan),
            ucan: super::Chain(ucan),
            cids: chain.cids().into(),
        };
        self.removed.remove(&did);
        let new_member =
            || Member { did: did.clone(), name: String::new(), joined, tokens: Vec::new(), listed: epoch };
        let member = self.members.entry(did.clone()).or_insert_with(new_member);
        member.joined |= joined;
        member.listed = epoch;
        if member.name.is_empty() || !member.joined {
            member.name = name;
        }
        if !member.tokens.contains(&token) {
            member.tokens.push(token);
        }
    }

    fn remove(&mut self, did: Did, cids: &[String], epoch: Epoch) {
        let own: Vec<Cid> = self.tokens_of(&did).flat_map(both_names).collect();
        self.revoked.extend(own);
        self.revoked.extend(cids.iter().filter_map(|cid| cid.parse::<Cid>().ok()));
        let revoked = &self.revoked;
        for member in self.members.values_mut() {
            member.tokens.retain(|token| token.cids.iter().all(|cid| !revoked.contains(cid)));
        }
        self.members.retain(|_, member| !member.tokens.is_empty());
        self.removed.insert(did, epoch);
    }
}

fn both_names(token: &Token) -> Vec<Cid> {
    TokenCids::of(&token.ucan.0).map_or_else(|| vec![token.cid], |cids| vec![cids.cid, cids.alternate])
}

fn admissions(member: &Member) -> impl Iterator<Item = Admission> {
    member.tokens.iter().map(|token| Admission {
        did: member.did.as_str().to_owned(),
        name: member.name.clone(),
        ucan: token.ucan.0.clone(),
        joined: member.joined,
    })
}

#[cfg(test)]
mod tests;
