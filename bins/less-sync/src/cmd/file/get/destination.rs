//! Where a file goes in the end.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use less_sync_client::FileDescription;

use super::part::Part;
use crate::report::Failure;

/// A path, and whether what is there may be replaced.
#[derive(Debug)]
pub(super) struct Destination {
    path: PathBuf,
    replaces: bool,
}

impl Destination {
    /// The path that was asked for; in a directory, the name of the file. Names are chosen by others, so they lead nowhere
    /// else and replace nothing.
    pub(super) fn choose(asked: Option<&Path>, description: &FileDescription) -> Result<Self, Failure> {
        let folder = match asked {
            Some(path) if !path.is_dir() => return Ok(Self { path: path.to_owned(), replaces: true }),
            Some(folder) => folder,
            None => Path::new(""),
        };
        let unusable = || anyhow!("{:?} is no name for a file here: give one with -o", description.name);
        let path = folder.join(description.path_name().ok_or_else(unusable)?);
        if path.symlink_metadata().is_ok() {
            return Err(anyhow!("{} is there already: give -o to replace it", path.display()).into());
        }
        Ok(Self { path, replaces: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the whole file its name.
    pub(super) fn take(&self, part: Part) -> anyhow::Result<()> {
        part.become_file(&self.path, self.replaces)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use less_sync_core::FileId;
    use pretty_assertions::assert_eq;

    use super::*;

    fn described(name: &str) -> FileDescription {
        FileDescription { file: FileId::from_bytes([1; 16]), name: name.to_owned(), size: 0, sha256: [0; 32] }
    }

    #[test]
    fn the_name_counts_unless_a_path_was_given_and_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = |asked: &Path, name: &str| {
            Destination::choose(Some(asked), &described(name))
                .map(|chosen| (chosen.path, chosen.replaces))
                .ok()
        };
        assert_eq!(chosen(folder.path(), "a"), Some((folder.path().join("a"), false)));
        let path = folder.path().join("b");
        assert_eq!(chosen(&path, "a"), Some((path.clone(), true)));
        assert_eq!(chosen(&path, "../a"), Some((path.clone(), true)));
        assert_eq!(chosen(folder.path(), "../a"), None);
        std::fs::write(&path, "").unwrap();
        assert_eq!(chosen(folder.path(), "b"), None);
        assert_eq!(chosen(&path, "b"), Some((path, true)));
    }
}
