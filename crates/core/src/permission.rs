//! Rights in a space.

/// What somebody may do in a space. Each level includes those below it, and there are no others (auth §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// See what there is: records, files, the membership log.
    Read = 1,
    /// Change records and files.
    Write = 2,
    /// Change who may do what, and the keys.
    Admin = 3,
}

/// A level that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a permission")]
pub struct InvalidPermission;

impl Permission {
    /// Every level, lowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Whether somebody with this level may do what needs `required`, and may pass `required` on.
    #[must_use]
    pub fn covers(self, required: Self) -> bool {
        self >= required
    }

    /// 1, 2 or 3: the form inside session tokens (auth §7).
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
