//! Names of objects as a database or an object store spells them.

use std::fmt;

use crate::ObjectKey;

/// Name of an object in the object store: usually the text of an [`ObjectKey`], but a database or a bucket may also hold
/// names of another layout. Unchecked: a store rejects names that lead out of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName(String);

impl ObjectName {
    /// Text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Last part of the name, for logs: file and upload attempt, without the space.
    #[must_use]
    pub fn without_space(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, last)| last)
    }

    /// Key with this name; `None` for a name of another layout.
    #[must_use]
    pub fn key(&self) -> Option<ObjectKey> {
        ObjectKey::parse(&self.0).ok()
    }
}

impl From<String> for ObjectName {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&ObjectKey> for ObjectName {
    fn from(key: &ObjectKey) -> Self {
        Self(key.to_string())
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use less_sync_core::{FileId, SpaceId};

    use super::*;

    #[test]
    fn name_of_a_key_leads_back_to_it() {
        let key = ObjectKey::legacy(SpaceId::from_bytes([1; 16]), FileId::from_bytes([2; 16]));
        assert_eq!(ObjectName::from(&key).key(), Some(key));
        assert_eq!(ObjectName::from("spaces/of/another/layout".to_owned()).key(), None);
    }
}
