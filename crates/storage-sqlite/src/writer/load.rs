//! Load of a write operation: what it costs, whose turn it takes, and what it must not overtake.

use less_sync_core::SpaceId;
use less_sync_storage::{Access, Flow};

/// Load of a write operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Flow whose turn the operation takes.
    pub(super) flow: Flow,
    /// Space whose operations run in the order of their submission; `None`: in no order beyond that of the flow.
    pub(super) space: Option<SpaceId>,
    /// Weight in bytes, the overhead of its rows included.
    pub(super) weight: usize,
}

impl Load {
    /// Load of an operation on a space by the caller of `access`.
    pub(crate) fn of(access: &Access, weight: usize) -> Self {
        Self { flow: access.flow(), space: Some(access.space()), weight }
    }
}

/// Load of an operation that belongs to no user and no space.
impl From<usize> for Load {
    fn from(weight: usize) -> Self {
        Self { flow: Flow::SERVER, space: None, weight }
    }
}
