//! `less-sync doctor`

mod address;
mod cors;
mod encryption;
mod health;
mod request_limits;
mod site;
mod token;
mod upload;
mod websocket;

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::{AccessToken, ServerUrl};
use less_sync_core::SpaceId;
use less_sync_doctor::{Check, Finding, Report};

use crate::clock;
use crate::failure::Failure;
use crate::output::write_bare;
use crate::target::Target;
use crate::token_source::TokenSource;
use site::Site;

/// Time limit of each check but those that transfer or wait.
const LIMIT: Duration = Duration::from_secs(15);

/// Time limit of the transfer of a file.
const TRANSFER: Duration = Duration::from_mins(10);

/// Ids of a space and a file that no server has.
const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";

#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// URL of the server as clients use it [default: that of --url]
    #[arg(value_name = "URL", value_parser = ServerUrl::parse)]
    server: Option<ServerUrl>,
    /// Time for which a connection is kept idle, in seconds; servers send keepalives every 30 s
    #[arg(long, value_name = "SECONDS", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle: u64,
    /// Origin of your web app, as in `CORS_ALLOWED_ORIGINS` [default: an unknown one]
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// `MAX_FILE_SIZE` of the server, in bytes: files of this size must reach it
    #[arg(long, value_name = "BYTES", default_value_t = 104_857_600)]
    max_file_size: u64,
    /// Upload a file of this size, in bytes, to a new record in the personal space of the token, download it, and delete
    /// both. Use a token of a test user
    #[arg(long, value_name = "BYTES")]
    upload: Option<u64>,
    /// Personal space for --upload [default: that of the token]
    #[arg(long, value_name = "ID")]
    space: Option<SpaceId>,
}

/// Token of the checks, and the personal space that it names.
type User = (AccessToken, Option<SpaceId>);

/// Examines a deployment from outside, as clients see it, and prints what was found.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let target = match &arguments.server {
        Some(url) => target.at(url.clone()),
        None => target.clone(),
    };
    let mut report = Report::default();
    let authority = target.url.authority();
    let (host, port) = authority.rsplit_once(':').unwrap_or((&authority, ""));
    let host = host.trim_matches(['[', ']']);
    let port = port.parse().context("the URL has no port")?;
    if let Some(site) = reach(&target.url, (host, port), &mut report).await {
        let user = user(&target).await;
        for finding in less_sync_doctor::run(checks(&site, &target, arguments, &user)).await {
            report.add(finding);
        }
    }
    let text = if json { report.to_json().to_string() } else { report.to_text() };
    write_bare(&text).context("cannot write the report")?;
    if report.has_failures() {
        return Err(anyhow!("the deployment has failures").into());
    }
    Ok(())
}

/// Token and personal space of the command line or a login; those of a development server are requested, if it is one.
///
/// # Errors
/// There is a token, or a login, and it cannot be used.
async fn user(target: &Target) -> anyhow::Result<Option<User>> {
    let source = match target.token_source() {
        Ok(source) => source,
        Err(failure) if target.given_token().is_some() => return Err(failure.into_error()),
        Err(_none) => return Ok(None),
    };
    let found = source.token_and_space().await;
    if matches!(source, TokenSource::Dev { .. }) { Ok(found.ok()) } else { found.map(Some) }
}

/// Makes the checks that all others need: name, address, TLS. `None` after a failure.
async fn reach(url: &ServerUrl, (host, port): (&str, u16), report: &mut Report) -> Option<Site> {
    let (found, addresses) = address::resolve(host, port).await;
    report.add(found);
    if addresses.is_empty() {
        return None;
    }
    let (found, address) = address::reach(&addresses).await;
    report.add(found);
    let address = address?;
    let (found, tls) = encryption::examine(url, host, address, clock::now()).await;
    report.add(found);
    let Ok(tls) = tls else {
        report.add(Finding::skip("http", "no connection", "mend TLS first"));
        return None;
    };
    Some(Site { url: url.clone(), host: host.to_owned(), address, tls })
}

fn checks<'a>(
    site: &'a Site,
    target: &'a Target,
    arguments: &'a Arguments,
    user: &'a anyhow::Result<Option<User>>,
) -> Vec<Check<'a>> {
    let (user, unusable) = match user {
        Ok(user) => (user.as_ref(), None),
        Err(error) => (None, Some(error)),
    };
    let token = user.map(|(token, _)| token);
    let idle = Duration::from_secs(arguments.idle);
    let mut checks = vec![
        Check::new("health", LIMIT, health::examine(site)),
        Check::new("token", LIMIT, async move {
            match unusable {
                Some(error) => vec![token::unusable(error)],
                None => token::examine(site, &file(site), token).await,
            }
        }),
        Check::new("upgrade", LIMIT * 2, websocket::upgrade(site)),
        Check::new("body-limit", LIMIT, async move {
            request_limits::bodies(site, &file(site), arguments.max_file_size).await
        }),
        Check::new("header-limit", LIMIT, async move { request_limits::headers(site, &file(site)).await }),
        Check::new("cors", LIMIT, async move {
            cors::examine(site, &file(site), arguments.origin.as_deref()).await
        }),
        Check::new("idle", idle + LIMIT, websocket::idle(target, token, idle)),
    ];
    if let Some(size) = arguments.upload {
        let user = user.and_then(|(token, space)| Some((token, arguments.space.or(*space)?)));
        checks.push(Check::new("file", TRANSFER, upload::examine(site, target, user, size)));
    }
    checks
}

/// Path of a file that does not exist.
fn file(site: &Site) -> String {
    let socket = site.url.websocket_path();
    let base = socket.strip_suffix("/ws").unwrap_or_default();
    format!("{base}/spaces/{NOWHERE}/files/{NOWHERE}")
}
