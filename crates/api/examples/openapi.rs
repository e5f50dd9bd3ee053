//! Prints the OpenAPI document of the HTTP interface, as kept in `docs/openapi.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(less_sync_api::openapi().as_bytes())
}
