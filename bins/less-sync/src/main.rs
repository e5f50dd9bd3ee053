//! Command-line toolbox for less-sync servers.

mod admin;
mod advice;
mod advised;
mod claims;
mod cli;
mod clock;
mod cmd;
mod content;
mod cursor;
mod drip;
mod durability;
mod failure;
mod fields;
mod live;
mod login_session;
mod output;
mod palette;
mod people;
mod shared_space;
mod space_keys;
mod target;
mod token_source;
mod top;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
