//! Command line of the server (operations §1, §8).

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use less_sync_manual::Manual;
use less_sync_process::{print_stderr, print_stdout};
use url::Url;

use crate::config::{Config, Sources, Values, parse_duration};
use crate::exit_error::{ExitError, end_command_line};
use crate::issuer::IssuerArguments;
use crate::otel::Traces;
use crate::server::{Overrides, Server};
use crate::signals::{Request, Signals};
use crate::{doctor, file_limit, healthcheck, issuer, telemetry};

/// Data directory of development mode.
const DEV_DIRECTORY: &str = "./.less-sync";

/// Arguments and environment of a process, read once in `main`.
#[derive(Clone, Debug)]
pub struct Process {
    /// Command line, program name included.
    pub arguments: Vec<OsString>,
    /// Environment variables.
    pub environment: Values,
    /// `<semver> (<git hash>)`.
    pub version: &'static str,
}

/// A realtime sync server for local-first, end-to-end-encrypted apps.
#[derive(Debug, Parser)]
#[command(name = "less-sync-server")]
struct Arguments {
    /// Read settings from this TOML file: the names of the environment variables in lower case
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Check the configuration, print the effective settings, and exit
    #[arg(long, global = true)]
    check_config: bool,
    /// Address to listen on [env: `LISTEN_ADDR`]
    #[arg(long, value_name = "ADDR", global = true)]
    listen: Option<String>,
    /// Database to use [env: `DATABASE_URL`, which --dev ignores]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Run in development mode on loopback, without configuration: SQLite and a built-in issuer in ./.less-sync. With
    /// --database, the data of --dev is in that database instead
    #[arg(long)]
    dev: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the readiness of a server; exits with 0 if it is ready, else with 1
    Healthcheck {
        /// Readiness URL [default: /readyz at the address of --listen, --config or `LISTEN_ADDR`]
        #[arg(long, conflicts_with_all = ["config", "listen"])]
        url: Option<Url>,
        /// Timeout of the request
        #[arg(long, default_value = "2s", value_parser = timeout)]
        timeout: Duration,
    },
    /// Check the database, the disk, the limits and the issuers of a server with these settings; exits with 1 after a failure
    Doctor {
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Issue access tokens to users in a file, for a family or a team
    Issuer(IssuerArguments),
    #[command(flatten)]
    Manual(Manual),
}

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text).filter(|timeout| !timeout.is_zero());
    timeout.ok_or_else(|| "expected a duration such as 500ms or 2s".to_owned())
}

/// Runs the server program: parses the command line, serves, and returns the exit code.
#[must_use]
pub(crate) fn run(process: Process) -> ExitCode {
    let Process { arguments, environment, version } = process;
    let matches = Arguments::command().version(version).try_get_matches_from(arguments);
    match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => report(execute(&arguments, &environment, version)),
        Err(ending) => end_command_line(&ending),
    }
}

fn report(outcome: Result<(), ExitError>) -> ExitCode {
    outcome.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

fn execute(arguments: &Arguments, environment: &Values, version: &'static str) -> Result<(), ExitError> {
    match &arguments.command {
        None => serve(arguments, environment, version),
        Some(Command::Manual(manual)) => {
            let script = manual.run(Arguments::command()).context("cannot write the manual pages")?;
            script
                .map_or(Ok(()), |script| print_stdout(&script).map(drop))
                .context("cannot write to standard output")?;
            Ok(())
        }
        Some(Command::Doctor { .. }) if arguments.check_config => {
            Err(ExitError::usage(anyhow!("doctor does not take --check-config")))
        }
        Some(Command::Doctor { json }) => examine(&configure(arguments, environment)?, *json),
        Some(Command::Issuer(_)) if arguments.dev || arguments.database.is_some() => {
            Err(ExitError::usage(anyhow!("issuer takes neither --dev nor --database")))
        }
        Some(Command::Issuer(issuer)) => {
            let sources = file_sources(arguments, environment)?;
            let notify_socket = environment.get("NOTIFY_SOCKET").cloned();
            issuer::run(issuer, sources, (arguments.listen.as_ref(), arguments.check_config), notify_socket)
        }
        Some(Command::Healthcheck { .. }) if arguments.dev || arguments.check_config => {
            Err(ExitError::usage(anyhow!("healthcheck takes neither --dev nor --check-config")))
        }
        Some(Command::Healthcheck { url: Some(url), timeout }) => Ok(healthcheck::check(url, *timeout)?),
        Some(Command::Healthcheck { url: None, timeout }) => {
            let sources = sources(arguments, environment)?;
            let url = Config::own_readiness_url(&sources)?;
            Ok(healthcheck::check(&url, *timeout)?)
        }
    }
}

/// Prints the report of the doctor.
fn examine(config: &Config, json: bool) -> Result<(), ExitError> {
    file_limit::raise()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let report = runtime.block_on(doctor::examine(config));
    // A check that has exceeded its time may still block a thread.
    runtime.shutdown_background();
    let text = if json { report.to_json().to_string() } else { report.to_text() };
    print_stdout(&text).context("cannot write to standard output")?;
    if report.has_failures() { Err(anyhow!("the deployment has failures").into()) } else { Ok(()) }
}

/// Tasks that a busy worker runs between two looks at the sockets. With the 61 of tokio the messages of others waited for as many
/// requests of a flood.
const EVENT_INTERVAL: u32 = 16;

fn serve(arguments: &Arguments, environment: &Values, version: &'static str) -> Result<(), ExitError> {
    let config = configure(arguments, environment)?;
    if arguments.check_config {
        return Ok(print_effective(&config).context("cannot write to standard output")?);
    }
    let log = telemetry::start(&config.logging, Traces::start(config.otel.as_ref(), version)?)?;
    log_effective(&config);
    file_limit::raise()?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().event_interval(EVENT_INTERVAL).build();
    let runtime = runtime.context("cannot start the runtime")?;
    let notify_socket = environment.get("NOTIFY_SOCKET").cloned();
    let overrides = Overrides {
        notify_socket,
        log_filter: Some(log.setter()),
        version: Some(version),
        ..Overrides::default()
    };
    let reload = || match configure(arguments, environment) {
        Ok(config) => log.set_filter(&config.logging),
        Err(failure) => tracing::error!(error = %failure.error(), "failed to reload the log filter"),
    };
    let outcome = runtime.block_on(serve_until_signalled(config, overrides, reload));
    // Blocking work that is left has outlived the grace period; waiting for it could take for ever.
    runtime.shutdown_background();
    Ok(outcome?)
}

fn configure(arguments: &Arguments, environment: &Values) -> Result<Config, ExitError> {
    let sources = sources(arguments, environment)?;
    Config::read(&sources).map_err(|mut invalid| {
        let is_bare =
            !arguments.dev && ["DATABASE_URL", "TRUSTED_ISSUERS"].iter().all(|name| !sources.is_given(name));
        if is_bare {
            invalid.problems.push(
                "for a server without configuration, to develop with: less-sync-server --dev".to_owned(),
            );
        }
        ExitError::usage(invalid)
    })
}

/// Settings of the command line, the environment and the config file.
fn sources(arguments: &Arguments, environment: &Values) -> Result<Sources, ExitError> {
    let mut sources = file_sources(arguments, environment)?;
    if let Some(address) = &arguments.listen {
        sources.flags.insert("LISTEN_ADDR".to_owned(), address.clone());
    }
    if let Some(url) = &arguments.database {
        sources.flags.insert("DATABASE_URL".to_owned(), url.clone());
    }
    if arguments.dev {
        sources.set_development(Path::new(DEV_DIRECTORY));
    }
    Ok(sources)
}

/// Settings of the environment and the config file.
fn file_sources(arguments: &Arguments, environment: &Values) -> Result<Sources, ExitError> {
    let mut sources = Sources::from_environment(environment.clone());
    if let Some(file) = &arguments.config {
        sources.add_file(file).map_err(ExitError::usage)?;
    }
    Ok(sources)
}

/// Prints the effective settings to standard output and the warnings to standard error (`--check-config`).
fn print_effective(config: &Config) -> io::Result<()> {
    config.warnings.iter().for_each(|warning| print_stderr(&format!("warning: {warning}")));
    config.effective().iter().try_for_each(|(name, value)| print_stdout(&format!("{name}={value}")).map(drop))
}

fn log_effective(config: &Config) {
    let line = |settings: &[(&str, String)]| {
        let settings: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        settings.join(" ")
    };
    // Defaults are in the documentation; all settings together fill a screen.
    if config.development.is_none() {
        tracing::info!(settings = line(config.given()), "configuration read");
    }
    tracing::debug!(settings = line(config.effective()), "effective configuration");
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

async fn serve_until_signalled(
    config: Config,
    overrides: Overrides,
    reload: impl Fn(),
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut server = tokio::select! {
        server = Server::start(config, overrides) => server?,
        // A start may wait for the database for minutes; a signal ends it.
        () = signals.end() => return Ok(()),
    };
    if let Err(error) = server.print_next_steps() {
        tracing::debug!(%error, "failed to write to standard output");
    }
    let mut ending = false;
    loop {
        let request = tokio::select! {
            biased;
            outcome = server.stopped() => return outcome,
            request = signals.next() => request,
        };
        match request {
            Request::End { exit_code } if ending => std::process::exit(exit_code),
            Request::End { .. } => {
                ending = true;
                server.drain();
            }
            Request::Reload => {
                reload();
                server.reload();
            }
            Request::Report => server.report(),
        }
    }
}
