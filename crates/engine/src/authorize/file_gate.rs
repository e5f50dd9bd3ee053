//! Authorization of file transfers over HTTP, with finer errors than RPC methods (http §7.2, rows 5 to 8).

use less_sync_auth::rights::{Access, Rights};
use less_sync_core::{Permission, SpaceId};

use super::{Admission, Authorizer};
use crate::Credentials;
use crate::files::error::FileError;
use crate::space_cache::AccessMode;

impl Authorizer {
    /// Authorizes an operation on the files of `space`. Reading never creates a personal space (http §7.2 row 5b).
    pub(crate) async fn admit_to_files(
        &self,
        rights: Rights,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Admission, FileError> {
        let Access::Space(required) = rights.access else { return Err(FileError::AccessDenied) };
        if credentials.caller.personal_space == Some(space) {
            if required.covers(Permission::Write) {
                self.touch(credentials.caller, space).await?;
            }
            return Ok(Admission::owner(space, self.flow(credentials.caller)));
        }
        let rule = self.rule(space).await?.ok_or(FileError::SpaceNotFound)?;
        let AccessMode::Chain(root_key) = rule.mode else { return Err(FileError::SpaceNotFound) };
        if credentials.chain().is_none() {
            return Err(FileError::AuthorizationRequired);
        }
        let admission = self.verify(credentials, space, required, root_key).await?;
        if rule.is_remote { Err(FileError::Remote) } else { Ok(admission) }
    }
}
