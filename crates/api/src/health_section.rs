//! Section that an optional part of the server adds to the response of `/health`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

/// Source of a section; `None` while there is nothing to be shown.
type Source = Arc<dyn Fn() -> Option<Value> + Send + Sync>;

/// Section of `/health`, empty until an optional part sets it; clones share it.
#[derive(Clone, Default)]
pub struct HealthSection(Arc<OnceLock<(&'static str, Source)>>);

impl HealthSection {
    /// Sets the member `name` of the response, whose content `source` provides. The first call counts.
    pub fn set(&self, name: &'static str, source: impl Fn() -> Option<Value> + Send + Sync + 'static) {
        let _first = self.0.set((name, Arc::new(source)));
    }

    /// Member of the response, as of now.
    pub(crate) fn member(&self) -> Option<(&'static str, Value)> {
        let (name, source) = self.0.get()?;
        Some((name, source()?))
    }
}

impl fmt::Debug for HealthSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HealthSection").field(&self.0.get().map(|(name, _)| name)).finish()
    }
}
