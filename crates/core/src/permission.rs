//! Permission levels in a space.

/// Permission level in a space. Each level includes those below it; there are no others (auth §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Read records, files and the membership log.
    Read = 1,
    /// Write records and files.
    Write = 2,
    /// Manage members, revocations and keys.
    Admin = 3,
}

/// Number that is not a permission level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a permission")]
pub struct InvalidPermission;

impl Permission {
    /// All levels, lowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Returns true when this level permits an action that needs `required`, and permits delegating `required`.
    #[must_use]
    pub fn covers(self, required: Self) -> bool {
        self >= required
    }

    /// Numeric form: 1, 2 or 3.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Permission {
    type Error = InvalidPermission;

    fn try_from(level: u8) -> Result<Self, InvalidPermission> {
        Self::ALL.into_iter().find(|permission| permission.as_u8() == level).ok_or(InvalidPermission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `permission_attenuation`
    #[test]
    fn a_level_covers_itself_and_those_below() {
        for (index, level) in Permission::ALL.into_iter().enumerate() {
            for (other_index, other) in Permission::ALL.into_iter().enumerate() {
                assert_eq!(level.covers(other), index >= other_index, "{level:?} {other:?}");
            }
        }
    }

    #[test]
    fn only_one_to_three_are_levels() {
        for level in 0..=u8::MAX {
            let permission = Permission::try_from(level);
            assert_eq!(permission.is_ok(), (1..=3).contains(&level));
            assert!(permission.is_ok_and(|permission| permission.as_u8() == level) || permission.is_err());
        }
    }
}
