//! The toolbox of less-sync: what one runs beside a server, or beside an app that does not sync.

mod claims;
mod cli;
mod clock;
mod cmd;
mod content;
mod cursor;
mod dev_token;
mod keys;
mod line;
mod output;
mod report;
mod server_url;
mod shared;
mod target;
mod token_source;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
