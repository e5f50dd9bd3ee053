//! `less-sync space list`

use anyhow::Context as _;
use clap::Args;

use super::session::permission_name;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::Output;
use crate::shared_space::SharedSpace;
use crate::target::Target;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

/// Prints the spaces of the key directory, without a request to the server.
pub(crate) fn run(target: &Target, _arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    for space in keys.spaces()? {
        let shared = SharedSpace::load(&keys, Some(space))?;
        let membership = shared.membership();
        let permission = shared.permission().map_or("expired", permission_name);
        let epoch = membership.keys.newest().map(|key| key.epoch().get());
        let line = Fields::new()
            .with("space", space.to_string())
            .with("name", membership.name.as_str())
            .with("permission", permission)
            .with_some("epoch", epoch);
        Output::new(json).write(&line).context("cannot write the result")?;
    }
    Ok(())
}
