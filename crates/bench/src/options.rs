//! Choice of the server under test, and of the measured time.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// Server under test: a launched one by default, or a running one by its process id.
#[derive(Clone, Debug, Args)]
pub struct ServerOptions {
    /// Measure the running development server at --url, which has this process id, under its own limits
    #[arg(long, global = true)]
    pub pid: Option<u32>,
    /// Server program to launch, in a temporary directory [default: less-sync-server beside this program]
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "pid")]
    pub server: Option<PathBuf>,
    /// Database of the launched server [default: a SQLite file in its data directory]
    #[arg(long, global = true, value_name = "URL", conflicts_with = "pid")]
    pub database: Option<String>,
    /// Create the data directory of the launched server below this one, to choose the disk
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Launch the server with all limits as shipped, instead of limits that never bound the load
    #[arg(long, global = true, conflicts_with = "pid")]
    pub shipped_limits: bool,
    /// Measured time in seconds, warm-up excluded
    #[arg(long, global = true, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub time: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(duration) }
}
