//! `less-sync admin denials`: the reason for a rejection.

use clap::Args;
use serde_json::Value;

use super::client::AdminClient;
use super::table::{self, Column, Form, rows};
use crate::output::message;

const COLUMNS: [Column; 9] = [
    ("TIME", "/at_ms", Form::Time),
    ("EDGE", "/edge", Form::Plain),
    ("OPERATION", "/operation", Form::Plain),
    ("CODE", "/code", Form::Plain),
    ("RULE", "/rule", Form::Plain),
    ("REQUEST", "/request_id", Form::Plain),
    ("ACTOR", "/actor", Form::Plain),
    ("SPACE", "/space", Form::Plain),
    ("EXPLANATION", "/explanation", Form::Plain),
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Of the request with this id
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Of this connection
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Of the user with this hash
    #[arg(long, value_name = "HASH")]
    actor: Option<String>,
    /// In this space
    #[arg(long, value_name = "ID")]
    space: Option<String>,
    /// By this rule, such as `chain.ucan_expired`, or all of its kind, such as chain
    #[arg(long)]
    rule: Option<String>,
    /// Before the denial with this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// Denials to list, up to 1000
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// Lists denied requests with the rule that decided each, the newest first.
pub(super) async fn list(client: &AdminClient, arguments: &Arguments, json: bool) -> anyhow::Result<()> {
    let Arguments { request_id, connection, actor, space, rule, before, limit } = arguments;
    let given = [
        ("request_id", request_id.clone()),
        ("connection", connection.clone()),
        ("actor", actor.clone()),
        ("space", space.clone()),
        ("rule", rule.clone()),
        ("before", before.map(|number| number.to_string())),
        ("limit", Some(limit.to_string())),
    ];
    let query: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let answer = client.get("/admin/denials", &query).await?;
    let rows = rows(&answer, "denials");
    table::print(rows, &COLUMNS, json)?;
    if let Some(next) = answer.get("next_before").and_then(Value::as_u64) {
        message(&format!("older ones follow: continue with --before {next}"));
    }
    if rows.is_empty() {
        message(&absent(&answer));
    }
    Ok(())
}

fn absent(answer: &Value) -> String {
    let total = answer["total"].as_u64().unwrap_or(0);
    format!(
        "no kept denial matches, of {total} since the start: the last 1024 are kept, and ids of requests only if they are \
         safe to log"
    )
}
