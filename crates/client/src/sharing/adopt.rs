//! Coming along with a rotation that somebody else made.

use less_sync_core::{Epoch, Timestamp};

use super::{InvalidShare, Membership, Roster, open_share};
use crate::connection::Connection;
use crate::crypto::{Identity, SpaceKey};
use crate::error::{CallError, LogError};

/// Why there is no key of an epoch.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AdoptError {
    /// Whether there is one is unknown.
    #[error("cannot ask for the key")]
    Call(#[from] CallError),
    /// Who may change the key is unknown.
    #[error("cannot read the membership log")]
    Log(#[from] LogError),
    /// There is one, and it must not be used.
    #[error(transparent)]
    Share(#[from] InvalidShare),
}

/// The key of `epoch` that an administrator left for us; `None` when nobody has, for certain.
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
