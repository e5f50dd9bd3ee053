//! Check of the size of a long upload against the limit of the server, before the content is read.

use std::time::Duration;

use less_sync_client::crypto::sealed_size;
use less_sync_client::{FileError, Upload};
use less_sync_core::Epoch;
use tokio::time::timeout;

use super::super::rejections;
use super::super::session::FileSession;
use super::new_id::new_id;
use crate::drip;

/// Maximum wait for the response: a proxy that stores uploads before it forwards them has none to forward.
const WAIT: Duration = Duration::from_secs(3);

/// Checks the size by the head of an upload that no record owns, whose body does not get to its end: the server compares the size
/// first (http §7.2).
pub(super) async fn check(session: &FileSession<'_>, epoch: Epoch, size: u64) -> anyhow::Result<()> {
    let (record, file) = (new_id().into(), new_id().into());
    let (_, dek) = session.keys().seal_file(epoch, file)?;
    let upload = Upload { owner: record, dek, size: sealed_size(size), sha256: None };
    let token = session.token().await?;
    let remote = session.file(&token, file);
    match timeout(WAIT, remote.put(&upload, drip::body())).await {
        Ok(Err(error @ FileError::Rejected { .. })) if rejections::is_too_large(&error) => {
            Err(rejections::explain_file(session, error))
        }
        // Every other failure comes again with the upload.
        Ok(_) | Err(_) => Ok(()),
    }
}
