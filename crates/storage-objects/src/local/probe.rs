//! Probe of a directory: writes, reads and removes a file (storage §4.8).

use std::fs;

use less_sync_storage::BlobError;

use super::directories::Directories;
use super::error::blob_error;
use super::staged::{self, Staged};
use super::upload_state::UploadState;
use crate::Violation;
use crate::object_path::ObjectPath;
use crate::probe::CONTENT;

pub(super) fn probe(directories: &Directories, name: &ObjectPath) -> Result<(), BlobError> {
    let staged = Staged::create(directories, name, CONTENT.len() as u64, UploadState::default())?;
    staged.append(CONTENT)?;
    staged.publish(directories, name)?;
    let read = fs::read(directories.path(name)).map_err(blob_error);
    staged::delete(directories, name)?;
    if read? == CONTENT { Ok(()) } else { Err(Violation::EndedEarly.into()) }
}
