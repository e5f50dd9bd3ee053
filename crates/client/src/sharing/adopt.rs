//! Adoption of an epoch key from a key share.

use less_sync_core::{Epoch, Timestamp};

use super::{InvalidShare, Membership, Roster, open_share};
use crate::connection::Connection;
use crate::crypto::{Identity, SpaceKey};
use crate::error::{CallError, LogError};

/// Failure to adopt an epoch key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AdoptError {
    /// The key share could not be fetched.
    #[error("cannot fetch the key share")]
    Call(#[from] CallError),
    /// The log could not be read, so the author's rights are unknown.
    #[error("cannot read the membership log")]
    Log(#[from] LogError),
    /// The key share is invalid.
    #[error(transparent)]
    Share(#[from] InvalidShare),
}

/// Fetches and verifies the key of `epoch` from the caller's key share; `None` if the server has no share.
///
/// The log decides last: the chain in a share may have been valid when the share was made, and revoked since.
///
/// # Errors
/// See [`AdoptError`].
pub async fn adopt(
    connection: &Connection,
    identity: &Identity,
    membership: &Membership,
    epoch: Epoch,
    now: Timestamp,
) -> Result<Option<SpaceKey>, AdoptError> {
    let access = membership.access();
    let Some(wrapped_key) = connection.epoch_key(access, epoch).await? else { return Ok(None) };
    let (key, author) = open_share(identity, membership, epoch, &wrapped_key, now)?;
    let roster = Roster::read(&connection.membership_log(access).await?, membership);
    if roster.is_live(&author) { Ok(Some(key)) } else { Err(InvalidShare::Forged.into()) }
}
