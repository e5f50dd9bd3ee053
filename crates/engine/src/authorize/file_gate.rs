//! The gate in front of files over HTTP, which tells apart what the socket does not (http §7.2, rows 5 to 8).

use less_sync_auth::rights::{Access, Rights};
use less_sync_core::{Permission, SpaceId};

use super::{Admission, Authorizer};
use crate::known_spaces::Opening;
use crate::{Credentials, EngineError};

/// Why somebody does not get at the files of a space.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileRefusal {
    /// There is no such space, or none that has files for the caller.
    #[error("space not found")]
    SpaceNotFound,
    /// A shared space, and no chain or a token without a DID.
    #[error("a chain is needed")]
    ChainNeeded,
    /// The chain does not give what is asked for. A definite decision, never an outage.
    #[error("access denied")]
    Denied,
    /// Another server holds the space.
    #[error("space is homed on another server")]
    Remote,
    /// The store refused or failed.
    #[error(transparent)]
    Engine(EngineError),
}

impl Authorizer {
    /// Lets somebody at the files of `space`. Reading never creates a personal space (http §7.2 row 5b).
    pub(crate) async fn admit_to_files(
        &self,
        rights: Rights,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Admission, FileRefusal> {
        let Access::Space(required) = rights.access else { return Err(FileRefusal::Denied) };
        if credentials.caller.personal_space == Some(space) {
            if required.covers(Permission::Write) {
                self.touch(credentials.caller, space).await.map_err(FileRefusal::Engine)?;
            }
            return Ok(Admission::owner(space));
        }
        let gate = self.gate(space).await.map_err(FileRefusal::Engine)?;
        let gate = gate.ok_or(FileRefusal::SpaceNotFound)?;
        let Opening::Chain(root_key) = gate.opening else { return Err(FileRefusal::SpaceNotFound) };
        if credentials.chain().is_none() {
            return Err(FileRefusal::ChainNeeded);
        }
        let admission =
            self.verify(credentials, space, required, root_key).map_err(|_| FileRefusal::Denied)?;
        if gate.is_remote { Err(FileRefusal::Remote) } else { Ok(admission) }
    }
}
