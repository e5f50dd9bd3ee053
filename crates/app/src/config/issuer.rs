//! Settings of the issuer (operations §17.1).

use std::path::PathBuf;
use std::time::Duration;

use less_sync_api::CorsOrigins;
use less_sync_auth::TrustedIssuer;
use less_sync_disk::DirectorySync;
use less_sync_issuer::{IssuerSettings, Origins};
use url::Url;

use super::reader::{Findings, Reader};
use super::server::{ListenAddress, LoggingConfig, ServerConfig, is_loopback_host};
use super::sources::Sources;
use super::{durability, issuers};

const URL: &str = "ISSUER_URL";
const ADDRESS: &str = "ISSUER_ADDR";
const DIRECTORY: &str = "ISSUER_DIRECTORY";
const AUDIENCE: &str = "ISSUER_AUDIENCE";
const TOKEN_LIFETIME: &str = "ISSUER_TOKEN_LIFETIME";
const REFRESH_LIFETIME: &str = "ISSUER_REFRESH_LIFETIME";

/// Names that only the issuer reads; a server that shares its environment or config file leaves them alone.
pub(super) const NAMES: [&str; 6] = [URL, ADDRESS, DIRECTORY, AUDIENCE, TOKEN_LIFETIME, REFRESH_LIFETIME];

const DEFAULT_ADDRESS: &str = "127.0.0.1:5380";
const DEFAULT_DIRECTORY: &str = "./data/issuer";
const DEFAULT_AUDIENCE: &str = "less-sync";

/// Complete configuration of an issuer.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// Address to listen on (`ISSUER_ADDR`).
    pub listen: ListenAddress,
    /// Directory of keys and users (`ISSUER_DIRECTORY`).
    pub directory: PathBuf,
    /// Name, audience and lifetimes of tokens.
    pub settings: IssuerSettings,
    /// Proxies, idle time and shutdown, as of the server; its listener is not used.
    pub server: ServerConfig,
    /// Log filter and format.
    pub logging: LoggingConfig,
    /// Synchronisation of directories.
    pub directory_sync: DirectorySync,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
    /// Settings with their effective values.
    effective: Vec<(&'static str, String)>,
}

impl IssuerConfig {
    /// Reads the configuration from `sources`; `others`: names of settings that the server reads.
    ///
    /// # Errors
    /// All problems.
    pub(super) fn read_beside(sources: &Sources, others: &[&'static str]) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(sources);
        let url = url(&mut reader);
        let listen = address(&mut reader);
        let directory = directory_of(&mut reader);
        let audience = text(&mut reader, AUDIENCE, DEFAULT_AUDIENCE);
        let (hour, day) = (Duration::from_hours(1), Duration::from_hours(24));
        let token_lifetime = reader.duration(TOKEN_LIFETIME, hour, Duration::from_mins(1)..=day);
        let refresh_lifetime = reader.duration(REFRESH_LIFETIME, 30 * day, hour..=366 * day);
        let namespaces = issuers::namespaces(&mut reader);
        let server = ServerConfig::read(&mut reader);
        let directory_sync = durability::directory_sync(&mut reader);
        let logging = LoggingConfig::read(&mut reader);
        let Findings { problems, warnings, effective, .. } = reader.finish(others);
        match (url, listen, server) {
            (Some(url), Some(listen), Some(server)) if problems.is_empty() => {
                let origins = match &server.cors {
                    CorsOrigins::Any => Origins::Any,
                    CorsOrigins::Listed(names) => Origins::Listed(names.clone()),
                };
                let settings =
                    IssuerSettings { url, audience, token_lifetime, refresh_lifetime, namespaces, origins };
                Ok(Self { listen, directory, settings, server, logging, directory_sync, warnings, effective })
            }
            _ => Err(problems),
        }
    }

    /// Reads the settings of the directory alone. A directory that cannot be synchronised is passed to `report`.
    ///
    /// # Errors
    /// All problems.
    pub(super) fn read_place(
        sources: &Sources,
        report: fn(&std::path::Path),
    ) -> Result<(PathBuf, DirectorySync), Vec<String>> {
        let mut reader = Reader::new(sources);
        let directory = directory_of(&mut reader);
        let sync = durability::policy(&mut reader, report);
        let problems = reader.into_problems();
        if problems.is_empty() { Ok((directory, sync)) } else { Err(problems) }
    }

    /// Settings with their effective values.
    #[must_use]
    pub fn effective(&self) -> &[(&'static str, String)] {
        &self.effective
    }
}

fn text(reader: &mut Reader<'_>, name: &'static str, default: &str) -> String {
    let value = reader.text(name).unwrap_or_else(|| default.to_owned());
    reader.show(name, &value);
    value
}

fn directory_of(reader: &mut Reader<'_>) -> PathBuf {
    text(reader, DIRECTORY, DEFAULT_DIRECTORY).into()
}

fn address(reader: &mut Reader<'_>) -> Option<ListenAddress> {
    let value = text(reader, ADDRESS, DEFAULT_ADDRESS);
    let address = ListenAddress::parse(&value);
    match &address {
        Some(address) => reader.show(ADDRESS, address),
        None => reader.problem(format!("invalid {ADDRESS} \"{value}\"")),
    }
    address
}

/// Public URL, which the issuer names in tokens: of the form that a server accepts as a trusted issuer, and with a path that is
/// a route.
fn url(reader: &mut Reader<'_>) -> Option<String> {
    let Some(text) = reader.text(URL) else {
        reader.problem(format!("{URL} must be set: the public URL of the issuer"));
        return None;
    };
    let invalid = |reason: &str| format!("invalid {URL} \"{text}\": {reason}");
    let name = text.trim_end_matches('/').to_owned();
    let parsed =
        Url::parse(&name).ok().filter(|_| !text.contains('=') && TrustedIssuer::parse(&text).is_ok());
    let Some(parsed) = parsed else {
        reader.problem(invalid("expected an http or https URL without user, query and fragment"));
        return None;
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    if parsed.query().is_some() || !parsed.path().bytes().all(is_plain) || parsed.path().contains("//") {
        reader.problem(invalid("expected a path of letters, digits and ._-~, and no query"));
        return None;
    }
    let host = parsed.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if parsed.scheme() == "http" && !is_loopback_host(host) {
        reader.warning(format!("{URL} is plain http: passwords and tokens travel unencrypted"));
    }
    reader.show(URL, &name);
    Some(name)
}
