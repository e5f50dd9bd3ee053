//! Stored bytes and their quotas: bounds for one space, and for all spaces of one owner (storage §3.20).

/// Stored bytes of a row of a record or of a file beside its content: its ids and its index entries, in round numbers. A
/// tombstone has this much.
pub const ROW_BYTES: u64 = 128;

/// Bounds of stored bytes, each inclusive. Exceeding one is possible only by lowering it, or by being over it before it was
/// set: the store then rejects what adds bytes, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Stored bytes of one space (`MAX_SPACE_BYTES`). `None`: unlimited.
    pub space: Option<u64>,
    /// Stored bytes of all spaces of one owner (`MAX_USER_BYTES`). `None`: unlimited.
    pub user: Option<u64>,
}

/// A quota that a write would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quota {
    /// [`Quotas::space`].
    Space,
    /// [`Quotas::user`].
    User,
}

impl Quota {
    /// Every quota there is.
    pub const ALL: [Self; 2] = [Self::Space, Self::User];

    /// Name of the quota in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::User => "user",
        }
    }
}

/// Stored bytes as the database counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBytes {
    /// Bytes of the space.
    pub space: i64,
    /// Bytes of all spaces of its owner; `None` if the owner is not recorded.
    pub owner: Option<i64>,
}

impl Quotas {
    /// True if there is no quota, so that nothing has to be looked up.
    #[must_use]
    pub const fn is_unlimited(&self) -> bool {
        self.space.is_none() && self.user.is_none()
    }

    /// Decides about a write that changes the stored bytes by `growth`. One that does not add any is always accepted.
    ///
    /// # Errors
    /// The quota that the write would exceed; that of the space first.
    pub fn check(&self, stored: StoredBytes, growth: i64) -> Result<(), Quota> {
        let exceeds =
            |bytes: i64, quota: u64| i128::from(bytes).saturating_add(i128::from(growth)) > i128::from(quota);
        if growth <= 0 {
            return Ok(());
        }
        if self.space.is_some_and(|quota| exceeds(stored.space, quota)) {
            return Err(Quota::Space);
        }
        match (stored.owner, self.user) {
            (Some(bytes), Some(quota)) if exceeds(bytes, quota) => Err(Quota::User),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: Quotas = Quotas { space: Some(100), user: Some(150) };

    #[test]
    fn quota_may_be_reached_but_not_exceeded() {
        let at = |space, owner| StoredBytes { space, owner };
        assert_eq!(QUOTAS.check(at(60, Some(110)), 40), Ok(()));
        assert_eq!(QUOTAS.check(at(60, Some(110)), 41), Err(Quota::Space));
        assert_eq!(QUOTAS.check(at(60, Some(111)), 40), Err(Quota::User));
        assert_eq!(QUOTAS.check(at(60, None), 40), Ok(()));
        assert_eq!(QUOTAS.check(at(i64::MAX, Some(i64::MAX)), i64::MAX), Err(Quota::Space));
        assert_eq!(Quotas::default().check(at(i64::MAX, Some(i64::MAX)), i64::MAX), Ok(()));
    }

    #[test]
    fn write_that_adds_nothing_is_accepted_beyond_the_quota() {
        for growth in [0, -1, i64::MIN] {
            assert_eq!(QUOTAS.check(StoredBytes { space: 1000, owner: Some(1000) }, growth), Ok(()));
        }
    }
}
