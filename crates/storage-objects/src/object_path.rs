//! Paths of objects that cannot escape the store.

use less_sync_storage::ObjectKey;
use uuid::Uuid;

use crate::Violation;

/// Relative path with `/` between its parts, none of which is empty, `.`, `..` or contains a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectPath(String);

impl ObjectPath {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Violation::Name`].
    pub(crate) fn parse(text: &str) -> Result<Self, Violation> {
        let fits = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
        if text.split('/').all(fits) { Ok(Self(text.to_owned())) } else { Err(Violation::Name) }
    }

    /// Path of the probe object number `number` of a process.
    pub(crate) fn probe(instance: Uuid, number: u64) -> Self {
        Self(format!(".less-sync-probe/{instance}-{number}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Everything before the last part; empty for a name of one part.
    pub(crate) fn parent(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(parent, _)| parent)
    }
}

impl From<&ObjectKey> for ObjectPath {
    fn from(key: &ObjectKey) -> Self {
        Self(key.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_names_are_valid() {
        for good in ["spaces/a/files/b.c", "spaces/a/files/b#1", ".less-sync-probe/1", "one", "…"] {
            assert_eq!(ObjectPath::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(ObjectPath::parse("a/b/c").unwrap().parent(), "a/b");
        assert_eq!(ObjectPath::parse("a").unwrap().parent(), "");
    }

    #[test]
    fn name_that_escapes_the_store_is_rejected() {
        for bad in ["", "/", "/etc/passwd", "a//b", "a/", "../a", "a/../b", "a/.", "a\0b", "a\nb"] {
            assert_eq!(ObjectPath::parse(bad), Err(Violation::Name), "{bad:?}");
        }
    }
}
