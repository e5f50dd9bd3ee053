//! `less-sync space list`

use std::collections::HashMap;

use anyhow::Context as _;
use clap::Args;
use less_sync_client::Code;
use less_sync_core::{ErrorCode, SpaceId};

use super::session::permission_name;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message};
use crate::shared_space::SharedSpace;
use crate::target::Target;

/// Maximum spaces of one subscription (protocol §1.10).
const SPACES: usize = less_sync_core::limits::SPACES;

#[derive(Debug, Args)]
#[command(
    after_help = "The server is asked whether the rights are revoked. Without a server the rights are those of the key directory, with unverified=true."
)]
pub(crate) struct Arguments {}

/// Prints the spaces of the key directory, with the rights that the server grants.
pub(crate) async fn run(target: &Target, _arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    let spaces = keys.spaces()?;
    let spaces = spaces.into_iter().map(|space| SharedSpace::load(&keys, Some(space)));
    let spaces: Vec<SharedSpace> = spaces.collect::<Result<_, _>>()?;
    let rejected = match rejections(target, &spaces).await {
        Ok(rejected) => Some(rejected),
        Err(failure) => {
            message(&format!("the rights are not verified: {:#}", failure.into_error()));
            None
        }
    };
    for shared in &spaces {
        let line = line(shared, rejected.as_ref());
        Output::new(json).write(&line).context("cannot write the result")?;
    }
    Ok(())
}

/// Spaces that the server rejects, with the reason.
async fn rejections(target: &Target, spaces: &[SharedSpace]) -> Result<HashMap<SpaceId, Code>, Failure> {
    let Some(first) = spaces.first() else { return Ok(HashMap::new()) };
    let connection = target.open_as(&first.identity).await?.connection;
    let mut rejected = HashMap::new();
    for spaces in spaces.chunks(SPACES) {
        let watches: Vec<_> = spaces.iter().map(SharedSpace::watch).collect();
        let subscribed =
            connection.subscribe(&watches).await.context("cannot fetch the state of the spaces")?;
        rejected.extend(subscribed.rejected);
    }
    connection.close().await;
    Ok(rejected)
}

fn line(shared: &SharedSpace, rejected: Option<&HashMap<SpaceId, Code>>) -> Fields {
    let membership = shared.membership();
    let reason = rejected.and_then(|rejected| rejected.get(&shared.space()));
    let permission = match (shared.permission(), reason) {
        (Err(_), _) => "expired",
        (Ok(_), Some(code)) if code.is(ErrorCode::Forbidden) => "revoked",
        (Ok(_), Some(_)) => "unknown",
        (Ok(permission), None) => permission_name(permission),
    };
    let epoch = membership.keys.newest().map(|key| key.epoch().get());
    Fields::new()
        .with("space", shared.space().to_string())
        .with("name", membership.name.as_str())
        .with("permission", permission)
        .with_some("epoch", epoch)
        .with_some("unverified", rejected.is_none().then_some(true))
}
