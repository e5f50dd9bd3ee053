//! `less-sync admin purge`: removal of a space with all its content.

use anyhow::anyhow;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::AdminClient;
use super::table::{self, Form};
use crate::failure::Failure;
use crate::output::counter;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Id of the space
    id: String,
    /// Remove the space; nothing brings it back but a backup
    #[arg(long)]
    yes: bool,
}

/// Removes a space step by step; an interrupted removal is continued by another call.
pub(super) async fn run(client: &AdminClient, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let Arguments { id, yes } = arguments;
    if !yes {
        super::spaces::show(client, id, json).await?;
        return Err(Failure::usage(anyhow!("the space was not removed: give --yes to remove it for good")));
    }
    let progress = counter("rows");
    let mut removed = 0;
    loop {
        let step = client.json(Method::DELETE, &format!("/admin/spaces/{id}"), &[]).await?;
        removed += step.get("rows").and_then(Value::as_u64).unwrap_or(0);
        progress.set_position(removed);
        if step.get("done").and_then(Value::as_bool) != Some(false) {
            break;
        }
    }
    progress.finish_and_clear();
    let purged = json!({ "space": id, "rows": removed });
    table::print(&[purged], &[("PURGED", "/space", Form::Plain), ("ROWS", "/rows", Form::Count)], json)?;
    Ok(())
}
