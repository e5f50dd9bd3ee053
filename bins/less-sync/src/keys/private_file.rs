//! Files that nobody but their owner may read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::report::Failure;

/// Rights of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Makes a directory for its owner; one that is there must be theirs alone.
pub(super) fn make_directory(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make {}", path.display()))?;
    check(path)
}

/// Whether others can do anything with it.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    judge(path, &metadata)
}

/// The whole file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    let cannot = || format!("cannot read {}", path.display());
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(anyhow::Error::new(error).context(cannot()).into()),
    };
    judge(path, &file.metadata().with_context(cannot)?)?;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).with_context(cannot)?;
    Ok(Some(text))
}

/// Writes the file, whole or not at all, and so that it outlives a power cut.
pub(super) fn replace(path: &Path, content: &impl Serialize) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let text = Zeroizing::new(serde_json::to_vec_pretty(content)?);
        let folder = path.parent().context("a file without a directory")?;
        // It is made with mode 0600.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(File::open(folder)?.sync_all()?)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

fn judge(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Failure> {
    let (mode, path) = (metadata.permissions().mode() & 0o777, path.display());
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let error = anyhow!("others can read {path} (mode {mode:04o}), so the keys in it may be known to them");
    Err(Failure::usage(
        error.context(format!("rejecting {path}: if it was always yours alone, run: chmod go= {path}")),
    ))
}
