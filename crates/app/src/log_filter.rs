//! Log filter that can be changed at run time.

use std::fmt;
use std::sync::Arc;

/// Setter of the log filter. Clones share it.
#[derive(Clone)]
pub struct LogFilter(Arc<Setter>);

type Setter = dyn Fn(&str) -> anyhow::Result<()> + Send + Sync;

impl LogFilter {
    /// A filter that `set` changes; it gets the directives in the syntax of `RUST_LOG`.
    pub fn new(set: impl Fn(&str) -> anyhow::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(set))
    }

    /// Replaces the filter.
    ///
    /// # Errors
    /// The directives are invalid; the filter is unchanged.
    pub(crate) fn set(&self, directives: &str) -> anyhow::Result<()> {
        (self.0)(directives)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFilter").finish_non_exhaustive()
    }
}
