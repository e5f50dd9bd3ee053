//! Connection and stored state of the shared space that a command works on.

use clap::Args;
use less_sync_client::Connection;
use less_sync_core::{Permission, SpaceId};

use crate::failure::Failure;
use crate::shared_space::SharedSpace;
use crate::target::Target;

/// Argument that selects a space of the key directory.
#[derive(Debug, Args)]
pub(super) struct SpaceSelector {
    /// Id of the space [default: the only shared space of the key directory]
    #[arg(long)]
    space: Option<SpaceId>,
}

/// Shared space with an open connection of its member.
pub(super) struct SpaceSession {
    pub(super) connection: Connection,
    pub(super) shared: SharedSpace,
}

impl SpaceSession {
    pub(super) async fn open(target: &Target, selector: &SpaceSelector) -> Result<Self, Failure> {
        let shared = SharedSpace::load(&target.key_directory()?, selector.space)?;
        let connection = target.open_as(&shared.identity).await?.connection;
        Ok(Self { connection, shared })
    }

    /// Closes the connection and returns `outcome`.
    pub(super) async fn close<T>(self, outcome: anyhow::Result<T>) -> Result<T, Failure> {
        self.connection.close().await;
        Ok(outcome?)
    }
}

/// Name of a permission on the command line.
pub(super) fn permission_name(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Admin => "admin",
    }
}

/// Parses a permission.
///
/// # Errors
/// An unknown name; a message for the user.
pub(super) fn parse_permission(text: &str) -> Result<Permission, String> {
    let found = Permission::ALL.into_iter().find(|permission| permission_name(*permission) == text);
    found.ok_or_else(|| "expected read, write or admin".to_owned())
}
