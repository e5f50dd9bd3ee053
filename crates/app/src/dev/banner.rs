//! Start banner of development mode.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use less_sync_process::print_stdout;

use super::issuer::DevIssuer;

const DEFAULT_PORT: u16 = 5379;

/// Prints the address, a token and the next commands to standard output.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_next_steps(issuer: &DevIssuer, address: SocketAddr, directory: &Path) -> io::Result<()> {
    let url = format!("http://{address}");
    let options = if address.port() == DEFAULT_PORT { String::new() } else { format!(" --url {url}") };
    print_stdout(&format!(
        "less-sync is ready for development

  address  {url}
  page     {url}/  (two devices and a guest to play with, in a browser)
  data     {data}
  issuer   {issuer}
  token    {token}
           (user dev, valid for an hour)

More tokens, for any user:

  curl -X POST {url}/dev/token -d '{{\"user\": \"alice\"}}'

Two devices of one user, live; each in a terminal of its own:

  cargo run -p less-sync -- tail{options}
  echo hello | cargo run -p less-sync -- push{options}
",
        data = directory.display(),
        issuer = issuer.name(),
        token = issuer.sample_token(),
    ))
    .map(drop)
}
