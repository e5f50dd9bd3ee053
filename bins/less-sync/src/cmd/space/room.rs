//! A shared space that one works on.

use clap::Args;
use less_sync_client::Connection;
use less_sync_core::{Permission, SpaceId};

use crate::report::Failure;
use crate::shared::Shared;
use crate::target::Target;

/// Which space.
#[derive(Debug, Args)]
pub(super) struct RoomArgument {
    /// The space [default: the only one that you share]
    #[arg(long)]
    space: Option<SpaceId>,
}

/// A space whose keys we have, and a connection of ours.
pub(super) struct Room {
    pub(super) connection: Connection,
    pub(super) shared: Shared,
}

impl Room {
    pub(super) async fn open(target: &Target, asked: &RoomArgument) -> Result<Self, Failure> {
        let keys = target.key_directory()?;
        let shared = Shared::with(&keys, keys.known_space(asked.space)?)?;
        let connection = target.open_as(&shared.identity).await?.connection;
        Ok(Self { connection, shared })
    }

    /// Says goodbye, and passes on what became of the work.
    pub(super) async fn close<T>(self, outcome: anyhow::Result<T>) -> Result<T, Failure> {
        self.connection.close().await;
        Ok(outcome?)
    }
}

/// As people write it.
pub(super) fn word(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Admin => "admin",
    }
}

/// The other way round.
///
/// # Errors
/// The text is none of the three; it is for people.
pub(super) fn permission(text: &str) -> Result<Permission, String> {
    let found = Permission::ALL.into_iter().find(|permission| word(*permission) == text);
    found.ok_or_else(|| "expected read, write or admin".to_owned())
}
