//! Every connection is a file descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const ENOUGH: u64 = 4096;

/// Raises the limit of open files as far as the system lets us, and warns when that is not far.
pub(crate) fn raise() {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!(%error, "limit of open files stays as it is");
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current
        && limit < ENOUGH
    {
        tracing::warn!(limit, "few files may be open, and so few connections");
    }
}
