//! The object that shows whether a store works (storage §4.8).

use uuid::Uuid;

use crate::object_name::ObjectName;

/// What is in it.
pub(crate) const CONTENT: &[u8] = b"less-sync was here";

/// A name that nobody else uses.
#[expect(clippy::disallowed_methods, reason = "nothing but the name of a probe depends on it")]
pub(crate) fn probe_name() -> ObjectName {
    ObjectName::probe(Uuid::new_v4())
}
