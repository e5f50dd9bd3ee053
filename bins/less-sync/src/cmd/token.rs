//! `less-sync token`

use anyhow::Context as _;
use clap::Args;

use crate::dev_token::Wish;
use crate::line::Line;
use crate::output::{Output, write_bare};
use crate::report::Failure;
use crate::target::Target;

#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// What the token allows, separated by spaces
    #[arg(long)]
    scope: Option<String>,
    /// How long it is valid, in seconds
    #[arg(long)]
    ttl: Option<u64>,
    /// Whom UCANs name: the did:key of an identity
    #[arg(long)]
    did: Option<String>,
    /// Where invitations arrive: 64 hexadecimal digits
    #[arg(long)]
    mailbox: Option<String>,
}

/// Prints a token, alone, so that `less-sync token > file` makes a file for `--token @file`; as JSON, with
/// everything about it.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let Arguments { scope, ttl, did, mailbox } = arguments.clone();
    let wish = Wish { scope, ttl, did, mailbox, ..target.wish() };
    let granted = target.dev_tokens()?.grant(&wish).await?;
    let token = granted.token.expose();
    let output = Output::new(json);
    if json {
        let line = Line::new().with("token", token).with("expires_at", granted.expires_at);
        output.write(&line.with("personal_space", granted.personal_space.to_string()))
    } else {
        write_bare(token)
    }
    .context("cannot write the token")?;
    Ok(())
}
