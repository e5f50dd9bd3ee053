//! Command-line toolbox for less-sync servers.

mod advice;
mod advised;
mod claims;
mod cli;
mod clock;
mod cmd;
mod content;
mod cursor;
mod durability;
mod failure;
mod fields;
mod output;
mod shared_space;
mod space_keys;
mod target;
mod token_source;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
