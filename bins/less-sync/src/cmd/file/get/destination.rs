//! Destination path of a download.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use less_sync_client::FileDescription;
use tempfile::TempDir;

use super::partial_file::PartialFile;
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
                return Ok(Self { path: replaceable(path)?, kind: Kind::Named });
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
        let completed = partial.complete(&self.path, replaces);
        completed.with_context(|| format!("cannot write {}", self.path.display()))?;
        if let Kind::StandardOutput(folder) = self.kind {
            write_content(&self.path).context("cannot write to standard output")?;
            folder.close().context("cannot remove the temporary directory")?;
        }
        Ok(())
    }
}

/// The file that a requested path leads to. Links are followed, as by `cp`; a device, a pipe or a socket would be replaced by a
/// regular file with the plaintext, and is rejected.
fn replaceable(path: &Path) -> anyhow::Result<PathBuf> {
    let shown = path.display();
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path.to_owned()),
        Err(error) => return Err(error).with_context(|| format!("cannot write {shown}")),
        Ok(found) if found.is_file() => return Ok(path.to_owned()),
        Ok(_) => {}
    }
    let target = path.canonicalize().with_context(|| format!("{shown} is a link to a missing file"))?;
    let found = target.metadata().with_context(|| format!("cannot write {shown}"))?;
    ensure!(found.is_file(), "{shown} is not a regular file");
    Ok(target)
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

    #[test]
    fn regular_files_alone_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe) =
            (folder.path().join("file"), folder.path().join("link"), folder.path().join("pipe"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(replaceable(&link).unwrap(), file.canonicalize().unwrap());
        std::fs::remove_file(&file).unwrap();
        assert!(replaceable(&link).unwrap_err().to_string().ends_with("is a link to a missing file"));
        let _socket = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        for path in [&pipe, Path::new("/dev/null")] {
            assert!(
                replaceable(path).unwrap_err().to_string().ends_with("is not a regular file"),
                "{path:?}"
            );
        }
    }
}
