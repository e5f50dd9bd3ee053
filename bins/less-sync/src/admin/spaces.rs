//! `less-sync admin spaces`, `space` and `rewraps`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::client::AdminClient;
use super::table::{self, Column, Form, rows};
use crate::output::message;

const COLUMNS: [Column; 11] = [
    ("SPACE", "/id", Form::Plain),
    ("KIND", "/kind", Form::Plain),
    ("BYTES", "/stored_bytes", Form::Bytes),
    ("RECORDS", "/rows/records", Form::Count),
    ("FILES", "/rows/files", Form::Count),
    ("MEMBERS", "/rows/members", Form::Count),
    ("WATCHERS", "/watchers", Form::Count),
    ("CURSOR", "/cursor", Form::Count),
    ("EPOCH", "/key_generation", Form::Count),
    ("REWRAP", "/rewrap_epoch", Form::Count),
    ("HOME", "/home_server", Form::Plain),
];

/// Order of the list.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    /// Ascending ids
    Id,
    /// The most stored bytes first
    Bytes,
    /// The most watchers first
    Watchers,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Order of the list
    #[arg(long, value_enum, default_value = "bytes")]
    sort: Order,
    /// Continue after the space with this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Spaces to list, up to 1000
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(super) struct RewrapArguments {
    /// Continue after the space with this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Spaces to list, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

pub(super) async fn list(client: &AdminClient, arguments: &ListArguments, json: bool) -> anyhow::Result<()> {
    let sort = match arguments.sort {
        Order::Id => "id",
        Order::Bytes => "bytes",
        Order::Watchers => "watchers",
    };
    let mut query = vec![("sort", sort.to_owned()), ("limit", arguments.limit.to_string())];
    query.extend(arguments.after.clone().map(|id| ("after", id)));
    print(client, "/admin/spaces", &query, json).await
}

/// Lists the spaces whose keys are being rewrapped.
pub(super) async fn rewraps(
    client: &AdminClient,
    arguments: &RewrapArguments,
    json: bool,
) -> anyhow::Result<()> {
    let mut query = vec![("limit", arguments.limit.to_string())];
    query.extend(arguments.after.clone().map(|id| ("after", id)));
    print(client, "/admin/rewraps", &query, json).await
}

async fn print(client: &AdminClient, path: &str, query: &[(&str, String)], json: bool) -> anyhow::Result<()> {
    let answer = client.get(path, query).await?;
    table::print(rows(&answer, "spaces"), &COLUMNS, json)?;
    if let Some(next) = answer.get("next_after").and_then(Value::as_str) {
        let visited = answer.get("visited").and_then(Value::as_u64).unwrap_or(0);
        message(&format!("{visited} spaces were visited, others follow: continue with --after {next}"));
    }
    Ok(())
}

pub(super) async fn show(client: &AdminClient, id: &str, json: bool) -> anyhow::Result<()> {
    let shown = client.get(&format!("/admin/spaces/{id}"), &[]).await?;
    table::print(&[shown], &COLUMNS, json)
}
