//! `less-sync space members`

use anyhow::Context as _;
use clap::Args;
use less_sync_client::sharing::Member;
use less_sync_core::Did;

use super::log;
use super::session::{SpaceSelector, SpaceSession, permission_name};
use crate::clock;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message};
use crate::target::Target;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    session: SpaceSelector,
}

/// Prints the members of the space, invited ones included.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut session = SpaceSession::open(target, &arguments.session).await?;
    let caught_up = session.shared.catch_up(&session.connection).await;
    let roster = match caught_up {
        Ok(_) => log::roster(&session).await,
        Err(error) => Err(error),
    };
    let own = session.shared.identity.did().clone();
    let roster = session.close(roster).await?;
    let output = Output::new(json);
    for member in roster.members() {
        output.write(&line(member, &own)).context("cannot write the result")?;
    }
    match roster.skipped() {
        0 => {}
        skipped => message(&format!("{skipped} invalid entries of the membership log were skipped")),
    }
    Ok(())
}

fn line(member: &Member, own: &Did) -> Fields {
    let permission = member.permission(clock::timestamp());
    let name = Some(member.name.as_str()).filter(|name| !name.is_empty());
    Fields::new()
        .with("member", member.did.as_str())
        .with_some("name", name)
        .with("permission", permission.map_or("expired", permission_name))
        .with("joined", member.joined)
        .with_some("you", (member.did == *own).then_some(true))
        .with_some("expires", member.expires_at().map(clock::format_timestamp))
}
