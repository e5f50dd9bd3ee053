//! Authorization of file transfers over HTTP, with finer errors than RPC methods (http §7.2, rows 5 to 8).

use less_sync_auth::rights::{Access, Rights};
use less_sync_core::{Permission, SpaceId};

use super::{Admission, Authorizer};
use crate::files::error::FileError;
use crate::space_cache::AccessMode;
use crate::{Credentials, Rule};

impl Authorizer {
    /// Authorizes an operation on the files of `space`. Reading never creates a personal space (http §7.2 row 5b).
    pub(crate) async fn admit_to_files(
        &self,
        rights: Rights,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Admission, FileError> {
        let Access::Space(required) = rights.access else {
            return Err(FileError::AccessDenied(Rule::Permission));
        };
        if let Some(owner) = credentials.owner_of(space) {
            if required.covers(Permission::Write) {
                self.touch(owner, space).await?;
            }
            return Ok(Admission::owner(space, self.flow(credentials.presenter)));
        }
        let rule = self.rule(space).await?.ok_or(FileError::SpaceNotFound(Rule::UnknownSpace))?;
        let AccessMode::Chain(root_key) = rule.mode else {
            return Err(FileError::SpaceNotFound(Rule::ForeignPersonalSpace));
        };
        let is_server = credentials.presenter.user().is_none();
        // No transit (federation INV-5), and no difference to a space that is nowhere.
        if is_server && rule.home.is_some() {
            return Err(FileError::SpaceNotFound(Rule::RemoteSpace));
        }
        match credentials.chain() {
            // A server is authenticated: its user would be logged out by the status for a missing chain (federation §13.3).
            Err(missing) if is_server => return Err(FileError::AccessDenied(missing)),
            chain => chain.map_err(FileError::AuthorizationRequired)?,
        };
        let admission = self.verify(credentials, space, required, root_key).await?;
        let Some(home) = rule.home else { return Ok(admission) };
        if !self.router.relays_files() {
            return Err(FileError::Remote);
        }
        Err(self.router.home(space, &home).map_or(FileError::HomeUnavailable, FileError::Elsewhere))
    }
}
