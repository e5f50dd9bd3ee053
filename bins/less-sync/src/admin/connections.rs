//! `less-sync admin connections`, `connection` and `disconnect`.

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::Value;

use super::client::AdminClient;
use super::table::{self, Column, Form, rows};
use crate::output::message;

/// Columns of a connection. Those of identities are present with `--reveal` only.
const COLUMNS: [Column; 12] = [
    ("CONNECTION", "/id", Form::Plain),
    ("ACTOR", "/actor", Form::Plain),
    ("USER", "/user", Form::Plain),
    ("CLIENT", "/client", Form::Plain),
    ("ISSUER", "/issuer", Form::Plain),
    ("STAGE", "/stage", Form::Plain),
    ("AGE", "/age_seconds", Form::Age),
    ("SPACES", "/subscriptions", Form::Count),
    ("EVENTS", "/queued_bytes/event", Form::Bytes),
    ("REPLIES", "/queued_bytes/reply", Form::Bytes),
    ("IN", "/bytes_in", Form::Bytes),
    ("OUT", "/bytes_out", Form::Bytes),
];

/// Order of the list, the largest first.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    /// The oldest connection
    Age,
    /// The most bytes in the outbound queues
    Queued,
    /// The most bytes received from the client
    BytesIn,
    /// The most bytes sent to the client
    BytesOut,
    /// The most watched spaces
    Subscriptions,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// First in the list
    #[arg(long, value_enum, default_value = "age")]
    sort: Order,
    /// Connections of the user with this hash only
    #[arg(long, value_name = "HASH")]
    actor: Option<String>,
    /// Connections to skip
    #[arg(long, default_value_t = 0)]
    offset: usize,
    /// Connections to list, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Show users, clients and issuers in clear; the server logs that they were shown
    #[arg(long)]
    reveal: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// Id of the connection
    id: String,
    /// Show user, client and issuer in clear; the server logs that they were shown
    #[arg(long)]
    reveal: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct DisconnectArguments {
    /// Id of the connection
    id: Option<String>,
    /// All connections of the user with this hash
    #[arg(long, value_name = "HASH")]
    actor: Option<String>,
}

pub(super) async fn list(client: &AdminClient, arguments: &ListArguments, json: bool) -> anyhow::Result<()> {
    let sort = match arguments.sort {
        Order::Age => "age",
        Order::Queued => "queued",
        Order::BytesIn => "bytes_in",
        Order::BytesOut => "bytes_out",
        Order::Subscriptions => "subscriptions",
    };
    let mut query = vec![
        ("sort", sort.to_owned()),
        ("offset", arguments.offset.to_string()),
        ("limit", arguments.limit.to_string()),
        ("reveal", arguments.reveal.to_string()),
    ];
    query.extend(arguments.actor.clone().map(|actor| ("actor", actor)));
    let answer = client.get("/admin/connections", &query).await?;
    let rows = rows(&answer, "connections");
    table::print(rows, &COLUMNS, json)?;
    let (total, end) =
        (answer.get("total").and_then(Value::as_u64).unwrap_or(0), arguments.offset + rows.len());
    if (end as u64) < total && !rows.is_empty() {
        message(&format!("{end} of {total} connections: continue with --offset {end}"));
    }
    Ok(())
}

pub(super) async fn show(client: &AdminClient, arguments: &ShowArguments, json: bool) -> anyhow::Result<()> {
    let reveal = [("reveal", arguments.reveal.to_string())];
    let shown = client.get(&format!("/admin/connections/{}", arguments.id), &reveal).await?;
    table::print(std::slice::from_ref(&shown), &COLUMNS, json)?;
    if !json {
        let spaces: Vec<Value> =
            rows(&shown, "spaces").iter().map(|space| serde_json::json!({ "space": space })).collect();
        table::print(&spaces, &[("WATCHED SPACE", "/space", Form::Plain)], json)?;
    }
    Ok(())
}

pub(super) async fn disconnect(
    client: &AdminClient,
    arguments: &DisconnectArguments,
    json: bool,
) -> anyhow::Result<()> {
    let answer = match (&arguments.id, &arguments.actor) {
        (Some(id), _) => client.json(Method::DELETE, &format!("/admin/connections/{id}"), &[]).await?,
        (None, actor) => {
            let query = [("actor", actor.clone().unwrap_or_default())];
            client.json(Method::DELETE, "/admin/connections", &query).await?
        }
    };
    table::print(&[answer], &[("DISCONNECTED", "/disconnected", Form::Count)], json)
}
