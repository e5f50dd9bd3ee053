//! Command line: arguments, dispatch, runtime (operations §1).

use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use less_sync_manual::Manual;
use less_sync_process::{end_on_signals, print_ending};

use crate::admin::{self, AdminTarget};
use crate::cmd::{
    bench, demo, doctor, event, file, history_check, identity, key, login, presence, pull, push, space, tail,
    token,
};
use crate::failure::{Failure, print_failure, print_outcome};
use crate::output::write_bare;
use crate::target::{HEADING, Target};
use crate::top;

/// Use and measure a less-sync server: tokens, records, files, shared spaces, live frames, benchmarks
///
/// Records and files are end-to-end encrypted with keys of the key directory. The server never receives a key.
#[derive(Debug, Parser)]
#[command(name = "less-sync", version = env!("LESS_SYNC_VERSION"), max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print JSON, one object per line
    #[arg(long, global = true, help_heading = HEADING)]
    json: bool,
    /// True if `--url` was on the command line, and not in the environment.
    #[arg(skip)]
    is_url_given: bool,
    /// The same for `--token`.
    #[arg(skip)]
    is_token_given: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch two people share a space on a throw-away server, which cannot read it
    Demo(demo::Arguments),
    /// Log in at an issuer of access tokens, for the server of --url
    Login(login::Arguments),
    /// Remove the login for the server of --url
    Logout(login::LogoutArguments),
    /// Request an access token from a development server
    Token(token::Arguments),
    /// Copy the key of your personal space to another device
    Key(key::Arguments),
    /// Print the address that others use to invite you
    Identity(identity::Arguments),
    /// Create and manage shared spaces
    Space(space::Arguments),
    /// Write or delete records, one per file or from standard input
    Push(push::Arguments),
    /// Read the changes of a space
    Pull(pull::Arguments),
    /// Upload, download, list and delete end-to-end encrypted files
    File(file::Arguments),
    /// Watch a space: changes, presence and events as they happen
    Tail(tail::Arguments),
    /// Print who is present in a space, or be present
    Presence(presence::Arguments),
    /// Send an ephemeral event to those who watch a space
    Event(event::Arguments),
    /// Look after a server: connections, spaces, rejections, on its admin listener
    Admin(admin::Arguments),
    /// Watch a server: a dashboard on its admin listener
    Top(top::Arguments),
    /// Measure the performance of a server
    Bench(bench::Arguments),
    /// Check a deployment from outside: name, TLS, proxy, limits, CORS, idle connections
    Doctor(doctor::Arguments),
    /// Check recorded histories of pushes and pulls for consistency violations
    HistoryCheck(history_check::Arguments),
    #[command(flatten)]
    Manual(Manual),
}

const NO_OUTPUT: &str = "cannot write to standard output";

/// Shared options that commands do not use.
const UNUSED: [(&[&str], &[&str]); 12] = [
    (&["demo"], &["url", "token", "user", "client", "keys", "json"]),
    (&["login"], &["token"]),
    (&["logout"], &["token", "user", "client"]),
    (&["admin"], &["user", "client", "keys"]),
    (&["top"], &["user", "client", "keys", "json"]),
    (&["token"], &["token", "keys"]),
    (&["key", "import"], &["url", "token", "user", "client"]),
    (&["event"], &["json"]),
    (&["bench"], &["token", "user", "client", "keys"]),
    (&["history-check"], &["url", "token", "user", "client", "keys"]),
    (&["completions"], &["url", "token", "user", "client", "keys", "json"]),
    (&["man"], &["url", "token", "user", "client", "keys", "json"]),
];

/// Commands on the admin listener, whose URL and token are other ones.
const ADMIN: [&str; 2] = ["admin", "top"];

/// Help of the shared options of these commands.
const ADMIN_HELP: [(&str, &str); 2] = [
    ("url", "URL of the admin listener [env: LESS_SYNC_ADMIN_URL=] [default: http://127.0.0.1:9090]"),
    ("token", "Admin token of the server, or @FILE that contains it [env: ADMIN_TOKEN]"),
];

/// Parses the command line and runs the command.
pub(crate) fn run() -> ExitCode {
    match parse() {
        Ok(arguments) => {
            let url = arguments.target.url.clone();
            print_outcome(execute(arguments), &url)
        }
        Err(ending) => match print_ending(&ending).context(NO_OUTPUT) {
            Ok(code) => ExitCode::from(code),
            Err(error) => print_failure(&error.into()),
        },
    }
}

fn parse() -> Result<Arguments, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    for (path, unused) in UNUSED {
        let is_given = |id: &&&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        if is_called(&matches, path)
            && let Some(id) = unused.iter().find(is_given)
        {
            let text = format!("less-sync {} does not use --{id}", path.join(" "));
            return Err(command.error(ErrorKind::ArgumentConflict, text));
        }
    }
    let is_given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    let Arguments { mut target, json, command, .. } = Arguments::from_arg_matches(&matches)?;
    let (is_url_given, is_token_given) = (is_given("url"), is_given("token"));
    // A variable without a value counts as absent. An argument without one does not: in a script whose variable is not set the
    // command would go on as another user, that of a login or of the development server.
    if !is_token_given {
        target = target.without_empty_token();
    }
    Ok(Arguments { target, json, is_url_given, is_token_given, command })
}

/// Command line whose help shows a command only the options that it uses.
fn command() -> clap::Command {
    let command = Arguments::command();
    let shared: Vec<Arg> = command.get_arguments().filter(|shared| shared.is_global_set()).cloned().collect();
    let admin = shared.iter().filter_map(|shared| {
        let id = shared.get_id().as_str();
        let (_, help) = ADMIN_HELP.into_iter().find(|(name, _)| *name == id)?;
        Some(shared.clone().help(help).hide_env(true).hide_default_value(true))
    });
    let admin: Vec<Arg> = admin.collect();
    let command = ADMIN.into_iter().fold(command, |command, name| with(command, &[name], admin.clone()));
    UNUSED.into_iter().fold(command, |command, (path, unused)| {
        // An option of the same name keeps the visible one from being passed down.
        let hidden = shared.iter().filter(|shared| unused.contains(&shared.get_id().as_str()));
        with(command, path, hidden.map(|shared| shared.clone().hide(true)).collect())
    })
}

fn with(command: clap::Command, path: &[&'static str], hidden: Vec<Arg>) -> clap::Command {
    match path {
        [] => command.args(hidden),
        [name, rest @ ..] => command.mut_subcommand(*name, |inner| with(inner, rest, hidden)),
    }
}

fn is_called(matches: &ArgMatches, path: &[&str]) -> bool {
    match path {
        [] => true,
        [name, rest @ ..] => {
            matches.subcommand().is_some_and(|(called, inner)| called == *name && is_called(inner, rest))
        }
    }
}

fn execute(arguments: Arguments) -> Result<(), Failure> {
    end_on_signals().context("cannot handle signals")?;
    // A current-thread runtime: commands are not CPU-bound, and a measured server keeps the other cores.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let Arguments { target, json, is_url_given, is_token_given, command } = arguments;
    let admin_target = || {
        let url = is_url_given.then_some(&target.url);
        AdminTarget::read(url, target.given_token().filter(|_| is_token_given))
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Demo(arguments) => demo::run(&arguments).await,
            Command::Login(arguments) => login::run(&target, &arguments, json).await,
            Command::Logout(arguments) => login::log_out(&target, &arguments, json),
            Command::Token(arguments) => token::run(&target, &arguments, json).await,
            Command::Key(arguments) => key::run(&target, &arguments, json).await,
            Command::Identity(arguments) => identity::run(&target, &arguments, json).await,
            Command::Space(arguments) => space::run(&target, &arguments, json).await,
            Command::Push(arguments) => push::run(&target, &arguments, json).await,
            Command::Pull(arguments) => pull::run(&target, &arguments, json).await,
            Command::File(arguments) => file::run(&target, &arguments, json).await,
            Command::Tail(arguments) => tail::run(&target, &arguments, json).await,
            Command::Presence(arguments) => presence::run(&target, &arguments, json).await,
            Command::Event(arguments) => event::run(&target, &arguments).await,
            Command::Admin(arguments) => admin::run(admin_target()?, &arguments, json).await,
            Command::Top(arguments) => top::run(admin_target()?, &arguments).await,
            Command::Bench(arguments) => bench::run(&target, &arguments, json).await,
            Command::Doctor(arguments) => doctor::run(&target, &arguments, json).await,
            Command::HistoryCheck(arguments) => history_check::run(&arguments, json),
            Command::Manual(manual) => describe(&manual),
        }
    });
    // A blocking read of standard input may still run in the background; it must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

fn describe(manual: &Manual) -> Result<(), Failure> {
    let script = manual.run(command()).context("cannot write the manual pages")?;
    script.map_or(Ok(()), |script| write_bare(&script)).context(NO_OUTPUT)?;
    Ok(())
}
