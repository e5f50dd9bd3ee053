//! Configuration: parsed once into an immutable [`Config`] (operations §2).
//!
//! Sources are maps, so only `main` reads the environment. All problems are collected and reported together; defaults are
//! those of the crates that the settings belong to.

mod admin;
mod database;
mod discovery;
mod durability;
mod files;
mod grammar;
mod identity;
mod issuers;
mod limits;
mod memory;
mod names;
mod origins;
mod quotas;
mod reader;
mod server;
mod sources;

use std::fmt;
use std::path::{Path, PathBuf};

pub use admin::AdminConfig;
pub use database::DatabaseConfig;
pub(crate) use database::unsupported_scheme;
pub use files::{FileStore, FilesConfig};
pub use identity::IdentityConfig;
pub use issuers::{DidIssuers, TokenConfig};
pub use limits::LimitsConfig;
pub(crate) use server::is_loopback_host;
pub use server::{ListenAddress, LogFormat, LoggingConfig, ServerConfig};
pub(crate) use sources::without_mark;
pub use sources::{Sources, Values};

pub(crate) use grammar::duration as parse_duration;
use less_sync_api::ServerMetadata;
use less_sync_disk::DirectorySync;
use reader::{Findings, Reader};
use url::Url;

/// Complete configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Listener, trusted proxies, CORS origins, shutdown.
    pub server: ServerConfig,
    /// Database adapter and its options.
    pub database: DatabaseConfig,
    /// Synchronisation of directories, and the policy for file systems without it (`ALLOW_UNSYNCED_DIRECTORIES`).
    pub directory_sync: DirectorySync,
    /// `DISCOVERY_IDENTITY_DOMAIN`, `PUBLIC_SYNC_URL`, `ACCOUNTS_URL`, `WEBFINGER_URL`: public metadata of the
    /// deployment; `None` if incomplete.
    pub metadata: Option<ServerMetadata>,
    /// File storage.
    pub files: FilesConfig,
    /// Trusted issuers and token rules.
    pub tokens: TokenConfig,
    /// Pseudonymization of users in rate limits.
    pub identity: IdentityConfig,
    /// Limits of the WebSocket endpoint and of the use cases.
    pub limits: LimitsConfig,
    /// Log filter and format.
    pub logging: LoggingConfig,
    /// Admin listener; `None` without one.
    pub admin: Option<AdminConfig>,
    /// Data directory of development mode; `None` in normal operation.
    pub development: Option<PathBuf>,
    /// Warnings for the operator; none of them prevents the start.
    pub warnings: Vec<String>,
    /// Settings with their effective values, in the order of reading.
    effective: Vec<(&'static str, String)>,
    /// Effective settings that the operator has set.
    given: Vec<(&'static str, String)>,
}

/// Problems of an invalid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// Problems, one line each.
    pub problems: Vec<String>,
}

impl Config {
    /// Reads the configuration from `sources`.
    ///
    /// # Errors
    /// [`InvalidConfig`], with all problems at once.
    pub fn read(sources: &Sources) -> Result<Self, InvalidConfig> {
        let mut reader = Reader::new(sources);
        for name in &sources.ignored {
            reader.warning(format!("{name} of the environment is ignored by --dev: give --database"));
        }
        let server = ServerConfig::read(&mut reader);
        let metadata = discovery::read(&mut reader);
        let database = DatabaseConfig::read(&mut reader);
        let directory_sync = durability::directory_sync(&mut reader);
        let files = FilesConfig::read(&mut reader);
        let tokens = TokenConfig::read(&mut reader);
        let identity = IdentityConfig::read(&mut reader);
        let limits = LimitsConfig::read(&mut reader);
        let quotas = quotas::read(&mut reader, &identity);
        let logging = LoggingConfig::read(&mut reader);
        let admin = admin::read(&mut reader, server.as_ref().map(|server| &server.listen));
        let Findings { problems, warnings, effective } = reader.finish();
        let given = effective.iter().filter(|(name, _)| sources.is_given(name)).cloned().collect();
        match (server, database, tokens) {
            (Some(server), Some(database), Some(tokens)) if problems.is_empty() => {
                let limits = limits.with_token_leeway(tokens.rules.leeway).with_owners(quotas.user.is_some());
                let database = database.with_quotas(quotas);
                let development = sources.development.clone();
                Ok(Self {
                    server,
                    database,
                    directory_sync,
                    metadata,
                    files,
                    tokens,
                    identity,
                    limits,
                    logging,
                    admin,
                    development,
                    warnings,
                    effective,
                    given,
                })
            }
            _ => Err(InvalidConfig { problems }),
        }
    }

    /// Reads only the database and file storage settings, for maintenance commands.
    ///
    /// # Errors
    /// [`InvalidConfig`], with all problems at once.
    pub(crate) fn read_stores(sources: &Sources) -> Result<(DatabaseConfig, FilesConfig), InvalidConfig> {
        let mut reader = Reader::new(sources);
        let (database, files) = (DatabaseConfig::read(&mut reader), FilesConfig::read(&mut reader));
        let problems = reader.into_problems();
        match database {
            Some(database) if problems.is_empty() => Ok((database, files)),
            _ => Err(InvalidConfig { problems }),
        }
    }

    /// Reads the settings of the file storage alone.
    ///
    /// # Errors
    /// All problems of these settings.
    pub(crate) fn read_files(sources: &Sources) -> Result<FilesConfig, InvalidConfig> {
        let mut reader = Reader::new(sources);
        let files = FilesConfig::read(&mut reader);
        let problems = reader.into_problems();
        if problems.is_empty() { Ok(files) } else { Err(InvalidConfig { problems }) }
    }

    /// Reads the policy for file systems that cannot synchronise directories, for maintenance commands. The first such
    /// directory is passed to `report`.
    ///
    /// # Errors
    /// [`InvalidConfig`].
    pub(crate) fn read_directory_sync(
        sources: &Sources,
        report: fn(&Path),
    ) -> Result<DirectorySync, InvalidConfig> {
        let mut reader = Reader::new(sources);
        let directory_sync = durability::policy(&mut reader, report);
        let problems = reader.into_problems();
        if problems.is_empty() { Ok(directory_sync) } else { Err(InvalidConfig { problems }) }
    }

    /// Readiness URL of a server with these settings, as seen from its own machine.
    ///
    /// # Errors
    /// `LISTEN_ADDR` is invalid.
    pub(crate) fn own_readiness_url(sources: &Sources) -> anyhow::Result<Url> {
        let mut reader = Reader::new(sources);
        let listen = server::listen(&mut reader)
            .ok_or_else(|| InvalidConfig { problems: reader.finish().problems })?;
        let host = match listen.host.as_str() {
            "0.0.0.0" => "127.0.0.1".to_owned(),
            "::" => "::1".to_owned(),
            host => host.to_owned(),
        };
        Ok(Url::parse(&format!("http://{}/readyz", ListenAddress { host, ..listen }))?)
    }

    /// Settings that a flag, the environment or the config file sets, with their values; secrets are shown as `set`.
    #[must_use]
    pub fn given(&self) -> &[(&'static str, String)] {
        &self.given
    }

    /// Settings with their effective values; secrets are shown as `set`.
    #[must_use]
    pub fn effective(&self) -> &[(&'static str, String)] {
        &self.effective
    }
}

impl fmt::Display for InvalidConfig {
    /// Formats a single problem on one line, several as a list below a heading.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.problems.as_slice() {
            return f.write_str(only);
        }
        f.write_str("invalid configuration")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for InvalidConfig {}
