//! Wrapped data key of a change, in either spelling.

/// Wrapped data key of a change or rewrap: `dek` or `wrapped_dek` (newer-clients §2).
///
/// The length is not checked here: a wrong length is a bad request, not invalid params.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DekField<'b> {
    /// Neither spelling present.
    #[default]
    Absent,
    /// Present in one spelling, or in both with the same value.
    Stated(&'b [u8]),
    /// Both spellings present with different values; a bad request (newer-clients §3.1).
    Conflicting {
        /// Value that came first.
        first: &'b [u8],
        /// Second value.
        second: &'b [u8],
    },
}

impl<'b> DekField<'b> {
    /// Combines two spellings, `self` having come first.
    pub(crate) fn joined(self, later: Self) -> Self {
        match (self, later) {
            (Self::Absent, stated) | (stated, Self::Absent) => stated,
            (Self::Stated(first), Self::Stated(second)) if first != second => {
                Self::Conflicting { first, second }
            }
            (first, _) => first,
        }
    }

    /// Value to write under `key`.
    pub(crate) fn spelled(self, key: &str) -> Option<&'b [u8]> {
        match self {
            Self::Absent => None,
            Self::Stated(bytes) => Some(bytes),
            Self::Conflicting { second, .. } if key == "wrapped_dek" => Some(second),
            Self::Conflicting { first, .. } => Some(first),
        }
    }
}
