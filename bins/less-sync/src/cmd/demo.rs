//! `less-sync demo`

mod evidence;
mod narrator;
mod person;
mod story;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use less_sync_bench::{LaunchedServer, Limits, ServerOptions};
use less_sync_client::ServerUrl;

use crate::clock;
use crate::failure::Failure;
use narrator::Narrator;
use story::Story;

#[derive(Debug, Args)]
#[command(
    after_help = "Everything is real: the server is a process of its own with its data in a temporary directory, and the commands are those of this program. The server and its data are gone when the demo ends."
)]
pub(crate) struct Arguments {
    /// Pause between the steps, for people who read along
    #[arg(long)]
    slow: bool,
    /// Server program to start [default: less-sync-server beside this program]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// Runs the story of two users against a server of its own; fails if one of its claims does not hold.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let began = clock::now();
    let mut narrator = Narrator::new(arguments.slow);
    let mut server = launch(arguments.server.clone())?;
    server.until_healthy()?;
    let url = ServerUrl::parse(&format!("http://{}", server.address())).map_err(anyhow::Error::new)?;
    let people = tempfile::tempdir().context("cannot create a directory for the keys")?;
    let mut story = Story::new(&mut narrator, &url, people.path(), server.directory())?;
    let told = Box::pin(story.tell()).await;
    if let Err(error) = told {
        let log = server.log();
        return Err(error.context(format!("the demo failed; end of the server's log:\n{log}")).into());
    }
    server.stop()?;
    let took = Duration::try_from(clock::now() - began).unwrap_or_default();
    narrator.end(took)?;
    Ok(())
}

fn launch(server: Option<PathBuf>) -> anyhow::Result<LaunchedServer> {
    let options = ServerOptions {
        pid: None,
        server,
        database: None,
        data: None,
        shipped_limits: true,
        time: Duration::ZERO,
    };
    LaunchedServer::start(&options, Limits::Shipped)
}
