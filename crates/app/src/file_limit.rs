//! Limit of open files (`RLIMIT_NOFILE`), which bounds the number of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Limit below which a warning is logged.
const RECOMMENDED: u64 = 4096;

/// Raises the soft limit to the hard limit, and warns if that is low.
pub(crate) fn raise() {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!(%error, "failed to raise the limit of open files");
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current
        && limit < RECOMMENDED
    {
        tracing::warn!(limit, "limit of open files is low: each connection needs one");
    }
}
