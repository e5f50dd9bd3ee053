//! Poll of a server: its metrics, and the lists of the admin routes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;

use crate::admin::{AdminClient, Samples};

/// Rows of each list but that of spaces.
const ROWS: usize = 100;

/// Spaces in their list: the server counts the rows of each in its database.
const SPACES: usize = 20;

/// State of a server at one moment.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    /// Time of the scrape.
    pub(super) at: Instant,
    /// The same, as Unix time in seconds.
    pub(super) unix_seconds: f64,
    pub(super) samples: Samples,
    pub(super) connections: Vec<Value>,
    pub(super) spaces: Vec<Value>,
    pub(super) slow_consumers: Vec<Value>,
    pub(super) denials: Vec<Value>,
}

/// Polls a server. Spaces are listed only if they are shown, since that reads the database.
///
/// # Errors
/// The first request that fails.
pub(super) async fn poll(client: &AdminClient, with_spaces: bool) -> anyhow::Result<Poll> {
    let samples = Samples::parse(&client.metrics().await?);
    let at = Instant::now();
    let limit = || ("limit", ROWS.to_string());
    let by_queue = [("sort", "queued".to_owned()), limit()];
    let mut connections = client.get("/admin/connections", &by_queue).await?;
    let mut slow = client.get("/admin/slow-consumers", &[limit()]).await?;
    let mut denials = client.get("/admin/denials", &[limit()]).await?;
    let mut spaces = Value::Null;
    if with_spaces {
        spaces = client
            .get("/admin/spaces", &[("sort", "bytes".to_owned()), ("limit", SPACES.to_string())])
            .await?;
    }
    let mut slow_consumers = rows(&mut slow, "behind");
    slow_consumers.extend(rows(&mut slow, "closed"));
    Ok(Poll {
        at,
        unix_seconds: unix_seconds(),
        samples,
        connections: rows(&mut connections, "connections"),
        spaces: rows(&mut spaces, "spaces"),
        slow_consumers,
        denials: rows(&mut denials, "denials"),
    })
}

fn rows(answer: &mut Value, name: &str) -> Vec<Value> {
    match answer.get_mut(name).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the age of a server is shown on the clock of this machine")]
fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
