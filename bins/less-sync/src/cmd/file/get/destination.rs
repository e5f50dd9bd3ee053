//! Destination path of a download.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use less_sync_client::FileDescription;
use less_sync_disk::replaceable;
use tempfile::TempDir;

use super::partial_file::PartialFile;
use crate::durability::directory_sync;
use crate::failure::Failure;
use crate::output::write_content;

/// Path, and the way to complete it.
#[derive(Debug)]
pub(super) struct Destination {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// New file: an existing one stays.
    New,
    /// Named file, which may replace another one.
    Named,
    /// Standard output. The content is kept in this directory first, since only a complete file is verified.
    StandardOutput(TempDir),
}

impl Destination {
    /// Requested path, or the name of the file within a requested directory. Names are chosen by other members, so they must
    /// not leave the directory and must not replace a file.
    pub(super) fn choose(requested: Option<&Path>, description: &FileDescription) -> Result<Self, Failure> {
        let folder = match requested {
            Some(path) if path == Path::new("-") => {
                // Created with mode 0700.
                let folder = tempfile::tempdir().context("cannot create a temporary directory")?;
                let path = folder.path().join("content");
                return Ok(Self { path, kind: Kind::StandardOutput(folder) });
            }
            Some(path) if !path.is_dir() => {
                let found = replaceable(path).with_context(|| format!("cannot write {}", path.display()))?;
                return Ok(Self { path: found, kind: Kind::Named });
            }
            Some(folder) => folder,
            None => Path::new(""),
        };
        let unusable = || anyhow!("{:?} is not a valid file name: choose one with -o", description.name);
        let path = folder.join(description.path_name().ok_or_else(unusable)?);
        if path.symlink_metadata().is_ok() {
            return Err(anyhow!("{} exists already: give -o to replace it", path.display()).into());
        }
        Ok(Self { path, kind: Kind::New })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_standard_output(&self) -> bool {
        matches!(self.kind, Kind::StandardOutput(_))
    }

    /// Moves the complete file to the destination.
    pub(super) fn complete(self, partial: PartialFile) -> anyhow::Result<()> {
        let replaces = !matches!(self.kind, Kind::New);
        let completed = partial.complete(&self.path, replaces, &directory_sync());
        completed.with_context(|| format!("cannot write {}", self.path.display()))?;
        if let Kind::StandardOutput(folder) = self.kind {
            write_content(&self.path).context("cannot write to standard output")?;
            folder.close().context("cannot remove the temporary directory")?;
        }
        Ok(())
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
    fn name_is_used_unless_a_path_was_given_and_stays_in_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = |requested: &Path, name: &str| {
            Destination::choose(Some(requested), &described(name))
                .map(|chosen| (chosen.path, matches!(chosen.kind, Kind::Named)))
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
