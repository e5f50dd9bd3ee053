//! `less-sync admin slow-consumers`

use super::client::AdminClient;
use super::table::{self, Column, Form, rows};
use crate::output::write_bare;

/// Columns of open connections with queued durable events.
const BEHIND: [Column; 4] = [
    ("BEHIND", "/id", Form::Plain),
    ("ACTOR", "/actor", Form::Plain),
    ("AGE", "/age_seconds", Form::Age),
    ("QUEUED", "/event_bytes", Form::Bytes),
];

/// Columns of closed connections.
const CLOSED: [Column; 6] = [
    ("CLOSED", "/id", Form::Plain),
    ("ACTOR", "/actor", Form::Plain),
    ("TIME", "/at_ms", Form::Time),
    ("LIFETIME", "/lifetime_seconds", Form::Age),
    ("SPACES", "/subscriptions", Form::Count),
    ("OUT", "/bytes_out", Form::Bytes),
];

/// Lists the open connections that are behind, and the last ones that were closed for it. As JSON, one object of both.
pub(super) async fn list(client: &AdminClient, limit: usize, json: bool) -> anyhow::Result<()> {
    let answer = client.get("/admin/slow-consumers", &[("limit", limit.to_string())]).await?;
    if json {
        return table::print(&[answer], &[], json);
    }
    table::print(rows(&answer, "behind"), &BEHIND, json)?;
    write_bare("")?;
    table::print(rows(&answer, "closed"), &CLOSED, json)
}
