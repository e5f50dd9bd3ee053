//! The key of an epoch, wrapped for one member each (newer-clients §4.1, §8).

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Did, Epoch, Requested, limits};

use crate::error::rejections;
use crate::{AdminGrant, ReadGrant, StorageError};

/// Outdated shares that one completion of a rewrap deletes at most; more remain only of epochs that were filled afterwards.
pub const PRUNED_KEY_SHARES: usize = 4 * limits::KEY_SHARES;

/// Shares that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyShares {
    /// Empty set, or more than [`limits::KEY_SHARES`].
    #[error("keys must contain 1..=1000 shares")]
    Count,
    /// A text that is not a [`Did`], or a key that is empty or longer than [`limits::WRAPPED_KEY`].
    #[error("invalid epoch key share")]
    Share,
}

/// The shares of one epoch: at most one per member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShares(BTreeMap<Did, Bytes>);

impl KeyShares {
    /// The shares of these members. Of several for one member the last one counts.
    ///
    /// # Errors
    /// [`InvalidKeyShares`]: the count first, then entry by entry.
    pub fn new(shares: Vec<(String, Bytes)>) -> Result<Self, InvalidKeyShares> {
        if !(1..=limits::KEY_SHARES).contains(&shares.len()) {
            return Err(InvalidKeyShares::Count);
        }
        shares.into_iter().map(share).collect::<Result<_, _>>().map(Self)
    }

    /// DID of a member and the key wrapped for it, ascending by DID.
    pub fn iter(&self) -> impl Iterator<Item = (&Did, &Bytes)> {
        self.0.iter()
    }

    /// Approximate size in a database, in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.iter().map(|(member, key)| member.as_str().len() + key.len()).sum()
    }
}

/// Checks one share.
fn share((member, key): (String, Bytes)) -> Result<(Did, Bytes), InvalidKeyShares> {
    let fits = (1..=limits::WRAPPED_KEY).contains(&key.len());
    let member = Did::try_from(member).ok().filter(|_| fits);
    member.map(|member| (member, key)).ok_or(InvalidKeyShares::Share)
}

rejections! {
    EpochKeyError:
    /// Rejections of operations on the key shares of epochs.
    EpochKeyRejection {
        /// The epoch is below 1 or after the next one.
        #[error("epoch out of range")]
        InvalidEpoch,
        /// The disk of an embedded database is at its reserve.
        #[error("store full")]
        StoreFull,
    }
}

/// Shares of the keys of epochs. [`complete_rewrap`](crate::Epochs::complete_rewrap) deletes outdated ones.
#[async_trait]
pub trait EpochKeys: Send + Sync {
    /// Replaces all shares of an epoch, or none. A repeat changes nothing. Moves no cursor.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`]; [`EpochKeyRejection::InvalidEpoch`] for an epoch below 1 or after the next one;
    /// [`EpochKeyRejection::StoreFull`].
    async fn put_epoch_keys(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        shares: KeyShares,
    ) -> Result<(), EpochKeyError>;

    /// Share of one member; `None` after a lookup that found none. Clients take `None` as definitive and derive the key
    /// themselves, so every failure must be an error.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`]; failures of the
    /// database.
    async fn epoch_key(
        &self,
        grant: &ReadGrant,
        epoch: Requested<Epoch>,
        member: &Did,
    ) -> Result<Option<Bytes>, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(count: usize, member: usize, key: usize) -> Result<KeyShares, InvalidKeyShares> {
        let share = |number: usize| (format!("{number:0>member$}"), Bytes::from(vec![1; key]));
        KeyShares::new((0..count).map(share).collect())
    }

    /// G-08, as far as it concerns the store.
    #[test]
    fn shares_have_bounds() {
        assert_eq!(shares(0, 5, 5), Err(InvalidKeyShares::Count));
        assert_eq!(shares(1, 5, 5).unwrap().payload_bytes(), 10);
        assert_eq!(shares(1000, 255, 2048).unwrap().payload_bytes(), 2_303_000);
        assert_eq!(shares(1001, 5, 5), Err(InvalidKeyShares::Count));
        assert_eq!(shares(1, 5, 0), Err(InvalidKeyShares::Share));
        assert_eq!(shares(1, 5, 2049), Err(InvalidKeyShares::Share));
        assert_eq!(shares(1, 256, 1), Err(InvalidKeyShares::Share));
        for member in ["", "d\0"] {
            let share = (member.to_owned(), Bytes::from_static(b"k"));
            assert_eq!(KeyShares::new(vec![share]), Err(InvalidKeyShares::Share), "{member:?}");
        }
    }

    #[test]
    fn last_share_of_a_member_counts() {
        let share = |member: &str, key: &'static [u8]| (member.to_owned(), Bytes::from_static(key));
        let shares = KeyShares::new(vec![share("b", b"1"), share("a", b"2"), share("b", b"3")]).unwrap();
        let expected = [("a", &Bytes::from_static(b"2")), ("b", &Bytes::from_static(b"3"))];
        let stored: Vec<_> = shares.iter().map(|(member, key)| (member.as_str(), key)).collect();
        assert_eq!(stored, expected);
    }
}
