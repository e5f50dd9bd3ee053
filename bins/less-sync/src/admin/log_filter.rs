//! `less-sync admin log-filter`

use reqwest::Method;

use super::client::AdminClient;
use super::table::{self, Form};

/// Replaces the log filter of the server until the next one, or until SIGHUP.
pub(super) async fn set(client: &AdminClient, filter: &str, json: bool) -> anyhow::Result<()> {
    let answer = client.json(Method::POST, "/debug/log", &[("filter", filter.to_owned())]).await?;
    table::print(&[answer], &[("FILTER", "/filter", Form::Plain)], json)
}
