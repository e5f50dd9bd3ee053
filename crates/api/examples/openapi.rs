//! Writes the description of the HTTP interface, as it is kept in the documentation.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(less_sync_api::openapi().as_bytes())
}
