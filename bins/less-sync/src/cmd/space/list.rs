//! `less-sync space list`

use anyhow::Context as _;
use clap::Args;

use super::room::word;
use crate::line::Line;
use crate::output::Output;
use crate::report::Failure;
use crate::shared::Shared;
use crate::target::Target;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

/// Prints the spaces of the key directory. No server is asked.
pub(crate) fn run(target: &Target, _arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    for space in keys.spaces()? {
        let shared = Shared::with(&keys, keys.known_space(Some(space))?)?;
        let membership = shared.membership();
        let permission = shared.permission().map_or("expired", word);
        let epoch = membership.keys.newest().map(|key| key.epoch().get());
        let line = Line::new()
            .with("space", space.to_string())
            .with("name", membership.name.as_str())
            .with("permission", permission)
            .with_some("epoch", epoch);
        Output::new(json).write(&line).context("cannot write the result")?;
    }
    Ok(())
}
