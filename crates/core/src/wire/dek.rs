//! A wrapped key in its two spellings.

/// The wrapped key of a change or rewrap: `dek` or `wrapped_dek` (newer-clients §2).
///
/// Its length is not checked here: a wrong one is a bad request, not bad params.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DekField<'b> {
    /// Under neither name.
    #[default]
    Absent,
    /// Under one name, or under both with the same value.
    Stated(&'b [u8]),
    /// Under both names with different values; a bad request (newer-clients §3.1).
    Conflicting {
        /// The value that came first.
        first: &'b [u8],
        /// The other value.
        second: &'b [u8],
    },
}

impl<'b> DekField<'b> {
    /// What two spellings say together, `self` having come first.
    pub(crate) fn joined(self, later: Self) -> Self {
        match (self, later) {
            (Self::Absent, stated) | (stated, Self::Absent) => stated,
            (Self::Stated(first), Self::Stated(second)) if first != second => {
                Self::Conflicting { first, second }
            }
            (first, _) => first,
        }
    }

    /// The value to write under `key`.
    pub(crate) fn spelled(self, key: &str) -> Option<&'b [u8]> {
        match self {
            Self::Absent => None,
            Self::Stated(bytes) => Some(bytes),
            Self::Conflicting { second, .. } if key == "wrapped_dek" => Some(second),
            Self::Conflicting { first, .. } => Some(first),
        }
    }
}
