//! `less-sync space create`

use anyhow::Context as _;
use clap::Args;
use less_sync_client::CallError;
use less_sync_client::crypto::{Identity, KeyRing, SpaceKey};
use less_sync_client::sharing::{Act, Admission, Chain, Membership};
use less_sync_core::{Epoch, Permission, SpaceId, Timestamp};

use super::log;
use super::room::Room;
use crate::clock;
use crate::keys::StoredSpace;
use crate::line::Line;
use crate::output::{Output, write_bare};
use crate::report::{Failure, say};
use crate::shared::Shared;
use crate::target::Target;

/// How long the owner's own token is good. They can make another one at any time; those of members end with it.
const ROOT_DAYS: i64 = 3650;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to call it; the server does not learn it
    #[arg(default_value = "")]
    name: String,
}

/// Makes a space and prints its id, alone; as JSON, with its name.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    let identity = keys.identity_or_new()?;
    let insider = target.open_as(&identity).await?;
    let membership = membership(&identity, &arguments.name);
    let space = membership.space();
    // Kept first: a space whose key was lost is of no use to anybody.
    keys.keep(&StoredSpace::from(membership))?;
    if let Err(error) = insider.connection.create_space(space, identity.root_key().as_bytes()).await {
        if matches!(error, CallError::Failed { .. }) {
            keys.forget(space)?;
        }
        return Err(anyhow::Error::new(error).context("cannot make the space").into());
    }
    let shared = Shared::with(&keys, keys.known_space(Some(space))?)?;
    let room = Room { connection: insider.connection, shared };
    let entered = log::append(&room, None, |_| Some(owner(&room, insider.claims.user.as_deref()))).await;
    room.close(entered).await?;
    tell(space, &arguments.name, json)
}

fn membership(owner: &Identity, name: &str) -> Membership {
    let space = new_space_id();
    let expires_at = Timestamp::from_seconds(clock::timestamp().seconds() + ROOT_DAYS * 86_400);
    let root = owner.grant(owner.did(), Permission::Admin, space, expires_at, None);
    let mut keys = KeyRing::new(space);
    keys.insert(SpaceKey::random(space, Epoch::FIRST));
    Membership { name: name.to_owned(), root_key: owner.root_key(), ucan: Chain(root), keys }
}

/// The first entry of the log.
fn owner(room: &Room, name: Option<&str>) -> Act {
    Act::Admit(vec![Admission {
        did: room.shared.identity.did().to_owned(),
        name: name.unwrap_or_default().to_owned(),
        ucan: room.shared.membership().ucan.0.clone(),
        joined: true,
    }])
}

/// A random one: those of version 5 are personal.
#[expect(clippy::disallowed_methods, reason = "this is where the toolbox makes ids")]
fn new_space_id() -> SpaceId {
    uuid::Uuid::new_v4().into()
}

fn tell(space: SpaceId, name: &str, json: bool) -> Result<(), Failure> {
    let space = space.to_string();
    if json {
        Output::new(true).write(&Line::new().with("space", space).with("name", name))
    } else {
        write_bare(&space)
    }
    .context("cannot write the result")?;
    say(
        "you are alone in it; ask somebody for their `less-sync identity`, then: less-sync space invite ADDRESS",
    );
    Ok(())
}
