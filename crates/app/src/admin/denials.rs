//! `/admin/denials`: the last denied requests, with the rule that decided each.

use axum::Json;
use axum::extract::State;
use less_sync_core::{ConnectionId, SpaceId};
use less_sync_engine::Denial;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{AdminError, hash_text, parse_hash};
use super::query::{Limit, Parameters};
use super::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    request_id: Option<String>,
    connection: Option<String>,
    actor: Option<String>,
    space: Option<String>,
    /// Name of a rule, or its part before the dot.
    rule: Option<String>,
    /// Number of the last denial of the previous page.
    before: Option<u64>,
    #[serde(default)]
    limit: Limit,
}

/// Parsed filters; a denial matches all that are given.
struct Filter {
    request_id: Option<String>,
    connection: Option<ConnectionId>,
    actor: Option<u64>,
    space: Option<SpaceId>,
    rule: Option<String>,
}

/// `GET /admin/denials`: kept denials that match, the newest first.
pub(super) async fn list(
    State(state): Shared,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Value>, AdminError> {
    let (before, limit) = (query.before, query.limit.0);
    let filter = Filter::parse(query)?;
    let denials = state.endpoint.denials();
    // An entry more than the page, to see if another page follows.
    let mut found = denials.newest(before, limit + 1, |denial| filter.matches(denial));
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next = found.last().filter(|_| !is_last).map(|(number, _)| *number);
    let found: Vec<_> = found.iter().map(|(number, denial)| describe(*number, denial)).collect();
    Ok(Json(json!({ "denials": found, "total": denials.total(), "next_before": next })))
}

impl Filter {
    fn parse(query: ListQuery) -> Result<Self, AdminError> {
        let no_uuid = |name: &str| AdminError::bad_request(format!("{name} is not a UUID"));
        let connection = query.connection.map(|id| id.parse()).transpose();
        let space = query.space.map(|id| id.parse()).transpose();
        Ok(Self {
            request_id: query.request_id,
            connection: connection.map_err(|_| no_uuid("connection"))?,
            actor: query.actor.as_deref().map(parse_hash).transpose()?,
            space: space.map_err(|_| no_uuid("space"))?,
            rule: query.rule,
        })
    }

    fn matches(&self, denial: &Denial) -> bool {
        let rule_matches = |rule: &str| {
            let name = denial.rule.name();
            name == rule || name.split_once('.').is_some_and(|(kind, _)| kind == rule)
        };
        self.request_id.as_ref().is_none_or(|id| denial.request_id.as_ref() == Some(id))
            && self.connection.is_none_or(|id| denial.connection == Some(id))
            && self.actor.is_none_or(|hash| denial.actor == Some(hash))
            && self.space.is_none_or(|space| denial.space == Some(space))
            && self.rule.as_deref().is_none_or(rule_matches)
    }
}

fn describe(number: u64, denial: &Denial) -> Value {
    json!({
        "number": number,
        "at_ms": denial.at.millis(),
        "edge": denial.edge.as_str(),
        "operation": denial.operation,
        "request_id": denial.request_id,
        "connection": denial.connection.map(|id| id.to_string()),
        "actor": denial.actor.map(hash_text),
        "space": denial.space.map(|space| space.to_string()),
        "code": denial.code,
        "rule": denial.rule.name(),
        "explanation": denial.rule.explanation(),
    })
}
