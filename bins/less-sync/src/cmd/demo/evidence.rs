//! Evidence of the story: what the server holds, and what a removed member could decrypt of it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use less_sync_client::crypto::DecryptionError;
use less_sync_client::{PullItem, RecordRow};
use less_sync_core::{Cursor, SpaceId, hex};

use super::person::Person;
use crate::target::SpaceArgument;

/// Newest record of a space, as the server stores it.
pub(super) async fn newest_record(person: &Person, space: SpaceId) -> anyhow::Result<RecordRow> {
    let argument = SpaceArgument { space: Some(space) };
    let opened = Box::pin(person.target().open(&argument)).await;
    let opened = opened.map_err(crate::failure::Failure::into_error)?;
    let mut pull = opened.connection.pull(&[opened.pull_space(Cursor::ZERO)]).await.context("cannot pull")?;
    let mut newest: Option<RecordRow> = None;
    while let Some(item) = pull.next().await {
        if let PullItem::Record(row) = item.context("cannot pull")? {
            newest = newest.into_iter().chain([row]).max_by_key(|row| row.cursor);
        }
    }
    opened.connection.close().await;
    newest.context("the space has no record")
}

/// Bytes in hexadecimal, in groups of two, at most `limit` of them.
pub(super) fn hex_groups(bytes: &[u8], limit: usize) -> String {
    let shown: Vec<String> = bytes.chunks(2).take(limit / 2).map(hex::encode).collect();
    let rest = if bytes.len() > limit { " …" } else { "" };
    shown.join(" ") + rest
}

/// Number of files below `directory`, none of which contains `text`, while at least one contains `sealed`.
pub(super) fn search(directory: &Path, text: &str, sealed: &[u8]) -> anyhow::Result<usize> {
    let mut files = Vec::new();
    read_all(directory, &mut files).context("cannot read the data of the server")?;
    let contains =
        |needle: &[u8]| files.iter().any(|file| file.windows(needle.len()).any(|part| part == needle));
    ensure!(!contains(text.as_bytes()), "the server stores the text");
    ensure!(contains(sealed), "the server does not store the ciphertext");
    Ok(files.len())
}

fn read_all(directory: &Path, files: &mut Vec<Vec<u8>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read_all(&entry.path(), files)?;
        } else {
            files.push(std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Epoch of the key that `person` lacks to decrypt the record.
///
/// # Errors
/// The record can be decrypted.
pub(super) fn missing_epoch(person: &Person, space: SpaceId, row: &RecordRow) -> anyhow::Result<i32> {
    let directory = person.target().key_directory().map_err(crate::failure::Failure::into_error)?;
    let stored = directory.space(space)?.context("the keys of the space are missing")?;
    let blob = row.blob.as_ref().context("the record is a tombstone")?;
    match stored.membership.keys.open_record(row.id, blob, row.dek.as_deref()) {
        Err(DecryptionError::NoKey(epoch)) => Ok(epoch.get()),
        Err(other) => Err(other.into()),
        Ok(_) => anyhow::bail!("a removed member can decrypt a new record"),
    }
}
