//! Commands of `less-sync admin`, and their dispatch.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::client::AdminClient;
use super::target::AdminTarget;
use super::{connections, denials, log_filter, purge, rates, slow_consumers, spaces};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List open connections, without identities
    Connections(connections::ListArguments),
    /// Show one connection with the spaces that it watches
    Connection(connections::ShowArguments),
    /// Close a connection, or all connections of a user; clients may connect again
    Disconnect(connections::DisconnectArguments),
    /// List spaces with their bytes, rows and watchers
    Spaces(spaces::ListArguments),
    /// Show one space
    Space {
        /// Id of the space
        id: String,
    },
    /// Remove a space with all its records, files, members and keys
    Purge(purge::Arguments),
    /// List connections that read too slowly
    SlowConsumers {
        /// Connections to list of each kind, up to 1000
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// List spaces whose keys are being rewrapped
    Rewraps(spaces::RewrapArguments),
    /// Explain rejections: the last denied requests with the rule that decided each
    Denials(denials::Arguments),
    /// Measure requests per second and latencies
    Rates {
        /// Time between the two measurements, in seconds
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
        interval: u64,
    },
    /// Replace the log filter until SIGHUP
    LogFilter {
        /// Directives as in `RUST_LOG`
        filter: String,
    },
}

/// Runs a command on the admin listener.
pub(crate) async fn run(target: AdminTarget, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let client = AdminClient::new(target)?;
    match &arguments.command {
        Command::Connections(arguments) => connections::list(&client, arguments, json).await?,
        Command::Connection(arguments) => connections::show(&client, arguments, json).await?,
        Command::Disconnect(arguments) => connections::disconnect(&client, arguments, json).await?,
        Command::Spaces(arguments) => spaces::list(&client, arguments, json).await?,
        Command::Space { id } => spaces::show(&client, id, json).await?,
        Command::Purge(arguments) => purge::run(&client, arguments, json).await?,
        Command::SlowConsumers { limit } => slow_consumers::list(&client, *limit, json).await?,
        Command::Rewraps(arguments) => spaces::rewraps(&client, arguments, json).await?,
        Command::Denials(arguments) => denials::list(&client, arguments, json).await?,
        Command::Rates { interval } => rates::run(&client, Duration::from_secs(*interval), json).await?,
        Command::LogFilter { filter } => log_filter::set(&client, filter, json).await?,
    }
    Ok(())
}
