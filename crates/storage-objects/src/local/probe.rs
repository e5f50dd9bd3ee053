//! Whether the directory can be written, read and cleaned (storage §4.8).

use std::fs;

use less_sync_storage::BlobError;

use super::directories::Directories;
use super::error::blob_error;
use super::fate::Fate;
use super::staged::{self, Staged};
use crate::Violation;
use crate::probe::{CONTENT, probe_name};

pub(super) fn probe(directories: &Directories) -> Result<(), BlobError> {
    let name = probe_name();
    let staged = Staged::create(directories, &name, CONTENT.len() as u64, Fate::default())?;
    staged.append(CONTENT)?;
    staged.publish(directories, &name)?;
    let read = fs::read(directories.path(&name)).map_err(blob_error);
    staged::delete(directories, &name)?;
    if read? == CONTENT { Ok(()) } else { Err(Violation::EndedEarly.into()) }
}
