//! `less-sync space create`

use anyhow::Context as _;
use clap::Args;
use less_sync_client::CallError;
use less_sync_client::crypto::{Identity, KeyRing, SpaceKey};
use less_sync_client::sharing::{Act, Admission, Chain, Membership};
use less_sync_core::{Epoch, Permission, SpaceId, Timestamp};

use super::log;
use super::session::SpaceSession;
use crate::clock;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message, write_bare};
use crate::shared_space::SharedSpace;
use crate::target::Target;
use less_sync_keystore::StoredSpace;

/// Validity of the owner's root token, in days. Tokens of members expire with it; the owner can issue another one.
const ROOT_DAYS: i64 = 3650;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name of the space, not visible to the server
    #[arg(default_value = "")]
    name: String,
}

/// Creates a space and prints its id alone; as JSON, with its name.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    let identity = keys.identity_or_create()?;
    let connected = target.open_as(&identity).await?;
    let membership = membership(&identity, &arguments.name);
    let space = membership.space();
    // The key is stored before the space exists on the server: a space without a stored key would be unusable.
    keys.save(&StoredSpace::from(membership))?;
    if let Err(error) = connected.connection.create_space(space, identity.root_key().as_bytes()).await {
        if matches!(error, CallError::Failed { .. }) {
            keys.remove(space)?;
        }
        return Err(anyhow::Error::new(error).context("cannot create the space").into());
    }
    let shared = SharedSpace::load(&keys, Some(space))?;
    let session = SpaceSession { connection: connected.connection, shared };
    let entered =
        log::append(&session, None, |_| Some(owner(&session, connected.claims.user.as_deref()))).await;
    session.close(entered).await?;
    print(space, &arguments.name, json)
}

fn membership(owner: &Identity, name: &str) -> Membership {
    let space = new_space_id();
    let expires_at = Timestamp::from_seconds(clock::timestamp().seconds() + ROOT_DAYS * 86_400);
    let root = owner.grant(owner.did(), Permission::Admin, space, expires_at, None);
    let mut keys = KeyRing::new(space);
    keys.insert(SpaceKey::random(space, Epoch::FIRST));
    Membership { name: name.to_owned(), root_key: owner.root_key(), ucan: Chain(root), keys }
}

/// First entry of the membership log.
fn owner(session: &SpaceSession, name: Option<&str>) -> Act {
    Act::Admit(vec![Admission {
        did: session.shared.identity.did().to_owned(),
        name: name.unwrap_or_default().to_owned(),
        ucan: session.shared.membership().ucan.0.clone(),
        joined: true,
    }])
}

/// Random id of version 4; version 5 is reserved for personal spaces.
#[expect(clippy::disallowed_methods, reason = "this is where the toolbox makes ids")]
fn new_space_id() -> SpaceId {
    uuid::Uuid::new_v4().into()
}

fn print(space: SpaceId, name: &str, json: bool) -> Result<(), Failure> {
    let space = space.to_string();
    if json {
        Output::new(true).write(&Fields::new().with("space", space).with("name", name))
    } else {
        write_bare(&space)
    }
    .context("cannot write the result")?;
    message(
        "created; ask others for the output of `less-sync identity`, and invite them with: less-sync space invite ADDRESS",
    );
    Ok(())
}
