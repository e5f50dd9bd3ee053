//! The configuration: parsed once, completely, into one immutable value (operations §2).
//!
//! Sources are maps, so that nothing but the start of the process reads the environment. All problems are collected
//! and reported together; defaults are those of the crates that the settings belong to.

mod database;
mod discovery;
mod files;
mod grammar;
mod identity;
mod issuers;
mod limits;
mod names;
mod reader;
mod server;
mod sources;

use std::fmt;
use std::path::PathBuf;

pub use database::DatabaseConfig;
pub use files::{FilePlace, FilesConfig};
pub use identity::IdentityConfig;
pub use issuers::TokenConfig;
pub use limits::LimitsConfig;
pub use server::{ListenAddress, LogFormat, LoggingConfig, ServerConfig};
pub use sources::{Sources, Values};

pub(crate) use grammar::duration as parse_duration;
use less_sync_api::ServerMetadata;
use reader::{Findings, Reader};
use url::Url;

/// Everything a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Listening, proxies, origins, shutdown.
    pub server: ServerConfig,
    /// Where the data lives.
    pub database: DatabaseConfig,
    /// `DISCOVERY_IDENTITY_DOMAIN`, `PUBLIC_SYNC_URL`, `ACCOUNTS_URL`, `WEBFINGER_URL`: what clients are told about the
    /// deployment.
    pub metadata: Option<ServerMetadata>,
    /// Where files are, if there are any.
    pub files: FilesConfig,
    /// Whose tokens are good, and which.
    pub tokens: TokenConfig,
    /// How users are counted.
    pub identity: IdentityConfig,
    /// Bounds of the endpoint and of the use cases.
    pub limits: LimitsConfig,
    /// What is logged, and how.
    pub logging: LoggingConfig,
    /// The directory of development mode, when that is on.
    pub development: Option<PathBuf>,
    /// What an operator should know, though the server starts.
    pub warnings: Vec<String>,
    /// Every setting with its effective value, in the order of reading.
    effective: Vec<(&'static str, String)>,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// One line each.
    pub problems: Vec<String>,
}

impl Config {
    /// Reads the configuration from `sources`.
    ///
    /// # Errors
    /// [`InvalidConfig`], with all problems at once.
    pub fn read(sources: &Sources) -> Result<Self, InvalidConfig> {
        let mut reader = Reader::new(sources);
        let server = ServerConfig::read(&mut reader);
        let metadata = discovery::read(&mut reader);
        let database = DatabaseConfig::read(&mut reader);
        let files = FilesConfig::read(&mut reader);
        let tokens = TokenConfig::read(&mut reader);
        let identity = IdentityConfig::read(&mut reader);
        let limits = LimitsConfig::read(&mut reader);
        let logging = LoggingConfig::read(&mut reader);
        let Findings { problems, warnings, effective } = reader.finish();
        match (server, database, tokens) {
            (Some(server), Some(database), Some(tokens)) if problems.is_empty() => {
                let limits = limits.with_token_leeway(tokens.rules.leeway);
                let development = sources.development.clone();
                Ok(Self {
                    server,
                    database,
                    metadata,
                    files,
                    tokens,
                    identity,
                    limits,
                    logging,
                    development,
                    warnings,
                    effective,
                })
            }
            _ => Err(InvalidConfig { problems }),
        }
    }

    /// Reads where the data lives, and nothing else: for tools that work on it.
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

    /// Where the server with these settings says whether it is ready, as seen from its own machine.
    ///
    /// # Errors
    /// The address is wrong.
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

    /// Every setting with its effective value. There are no secrets among them.
    #[must_use]
    pub fn effective(&self) -> &[(&'static str, String)] {
        &self.effective
    }
}

impl fmt::Display for InvalidConfig {
    /// One problem speaks for itself; several are listed below a heading.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.problems.as_slice() {
            return f.write_str(only);
        }
        f.write_str("invalid configuration")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for InvalidConfig {}
