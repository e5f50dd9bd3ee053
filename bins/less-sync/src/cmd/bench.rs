//! `less-sync bench`: closed loops, bounded in count and in time, against a server of its own or a given one.
//!
//! What each figure means, and how to repeat it, stands in `benches/README.md`.

mod disk;
mod figures;
mod frames;
mod launch;
mod link;
mod loads;
mod process;
mod scenario;
mod sharing;
mod subject;
mod watchers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::output::Output;
use crate::report::Failure;
use crate::target::Target;
use figures::Figures;
use scenario::{
    churn, connect, events, fan_out, files, idle, presence, pull, push, revoke, rewrap, stalled, startup,
};
use subject::Subject;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    #[command(subcommand)]
    scenario: Scenario,
}

/// Which server is measured, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArguments {
    /// Measure the running development server at --url, which is this process; its limits are its own
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// Start this server, in a directory of its own [default: less-sync-server beside this program]
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "pid")]
    server: Option<PathBuf>,
    /// Keep the data of the started server in a new directory below this one, to choose the disk
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Longest time to measure, warm-up excluded, in seconds
    #[arg(long, global = true, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    time: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(duration) }
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Durable writes: connections with a window of pushes each
    Push(push::Arguments),
    /// Reads of a whole space, its first record, and its newest records
    Pull(pull::Arguments),
    /// One writer, many watchers of one space
    FanOut(fan_out::Arguments),
    /// Ephemeral events to many watchers of one space
    Events(events::Arguments),
    /// Peers of one space who tell each other where they are
    Presence(presence::Arguments),
    /// A member is shut out while their connections watch
    Revoke(revoke::Arguments),
    /// All wrapped keys of a space replaced by one call
    Rewrap(rewrap::Arguments),
    /// Files, uploaded and downloaded
    Files(files::Arguments),
    /// Memory of connections that do nothing
    Idle(idle::Arguments),
    /// Launch to first answer, and memory after that
    Startup(startup::Arguments),
    /// Dial, authenticate and subscribe, again and again
    Connect(connect::Arguments),
    /// Memory after connections came and went
    Churn(churn::Arguments),
    /// Clients that never read, and what the others notice of it
    Stalled(stalled::Arguments),
}

/// Measures, and prints the figures.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    process::raise_file_limit();
    let figures = tokio::task::LocalSet::new().run_until(measure(target, arguments)).await?;
    let output = Output::new(json);
    for line in figures.lines(json) {
        output.write(&line).context("cannot write the figures")?;
    }
    Ok(())
}

async fn measure(target: &Target, arguments: &Arguments) -> anyhow::Result<Figures> {
    let server = &arguments.server;
    if let Scenario::Startup(arguments) = &arguments.scenario {
        return startup::run(server, arguments).await;
    }
    let subject = Subject::new(target, server).await?;
    let time = server.time;
    let figures = match &arguments.scenario {
        Scenario::Push(arguments) => push::run(&subject, arguments, time).await,
        Scenario::Pull(arguments) => pull::run(&subject, arguments, time).await,
        Scenario::FanOut(arguments) => fan_out::run(&subject, arguments, time).await,
        Scenario::Events(arguments) => events::run(&subject, arguments, time).await,
        Scenario::Presence(arguments) => presence::run(&subject, arguments, time).await,
        Scenario::Revoke(arguments) => revoke::run(&subject, arguments, time).await,
        Scenario::Rewrap(arguments) => rewrap::run(&subject, arguments, time).await,
        Scenario::Files(arguments) => files::run(&subject, arguments, time).await,
        Scenario::Idle(arguments) => idle::run(&subject, arguments).await,
        Scenario::Connect(arguments) => connect::run(&subject, arguments, time).await,
        Scenario::Churn(arguments) => churn::run(&subject, arguments).await,
        Scenario::Stalled(arguments) => stalled::run(&subject, arguments, time).await,
        Scenario::Startup(_) => Ok(Figures::new("startup")),
    };
    subject.stop(figures).await
}
