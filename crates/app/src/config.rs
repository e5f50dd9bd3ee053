//! Configuration: parsed once into an immutable [`Config`] (operations §2).
//!
//! Sources are maps, so only `main` reads the environment. All problems are collected and reported together; defaults are
//! those of the crates that the settings belong to.

mod admin;
mod bus;
mod database;
mod discovery;
mod durability;
#[cfg(feature = "federation")]
mod federation;
#[cfg(not(feature = "federation"))]
#[path = "config/without_federation.rs"]
mod federation;
mod files;
mod grammar;
mod identity;
mod issuer;
mod issuers;
mod limits;
mod memory;
mod names;
mod origins;
mod otel;
mod quotas;
mod reader;
mod server;
mod sources;
mod tls;

use std::fmt;
use std::path::{Path, PathBuf};
#[cfg(feature = "federation")]
use std::sync::Arc;

pub use admin::AdminConfig;
pub use bus::BusConfig;
pub use database::DatabaseConfig;
pub(crate) use database::unsupported_scheme;
pub use federation::FederationConfig;
#[cfg(feature = "federation")]
pub use federation::{HomeConfig, TrustConfig};
pub use files::{FileStore, FilesConfig};
pub use identity::IdentityConfig;
pub use issuer::IssuerConfig;
pub use issuers::{DidIssuers, TokenConfig};
pub use limits::LimitsConfig;
pub use otel::OtelConfig;
pub(crate) use server::is_loopback_host;
pub use server::{ListenAddress, LogFormat, LoggingConfig, ServerConfig};
pub(crate) use sources::without_mark;
pub use sources::{Sources, Values};
pub use tls::TlsConfig;

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
    /// Transport to other nodes of the deployment (`FANOUT_BUS`).
    pub bus: BusConfig,
    /// Synchronisation of directories, and the policy for file systems without it (`ALLOW_UNSYNCED_DIRECTORIES`).
    pub directory_sync: DirectorySync,
    /// `DISCOVERY_IDENTITY_DOMAIN`, `PUBLIC_SYNC_URL`, `ACCOUNTS_URL`, `WEBFINGER_URL`: public metadata of the
    /// deployment; `None` if incomplete.
    pub metadata: Option<ServerMetadata>,
    /// Keys of this server, and trust in others.
    pub federation: FederationConfig,
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
    /// Collector of traces and metrics; `None` without one.
    pub otel: Option<OtelConfig>,
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
    /// Names of all settings, aliases included.
    known: Vec<&'static str>,
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
        let federation = FederationConfig::read(&mut reader);
        let metadata = metadata.map(|metadata| metadata.with_links(federation.accepts_links()));
        let database = DatabaseConfig::read(&mut reader);
        let bus = BusConfig::read(&mut reader, database.as_ref());
        let directory_sync = durability::directory_sync(&mut reader);
        let files = FilesConfig::read(&mut reader);
        let tokens = TokenConfig::read(&mut reader);
        let identity = IdentityConfig::read(&mut reader);
        let limits = LimitsConfig::read(&mut reader);
        let quotas = quotas::read(&mut reader, &identity);
        let logging = LoggingConfig::read(&mut reader);
        let otel = otel::read(&mut reader);
        let admin = admin::read(&mut reader, server.as_ref().map(|server| &server.listen));
        let Findings { problems, warnings, effective, known } = reader.finish(&issuer::NAMES);
        let given = effective.iter().filter(|(name, _)| sources.is_given(name)).cloned().collect();
        match (server, database, tokens) {
            (Some(server), Some(database), Some(tokens)) if problems.is_empty() => {
                let limits = limits.with_token_leeway(tokens.rules.leeway).with_owners(quotas.user.is_some());
                let database = database.with_quotas(quotas);
                let development = sources.development.clone();
                Ok(Self {
                    server,
                    database,
                    bus,
                    directory_sync,
                    metadata,
                    federation,
                    files,
                    tokens,
                    identity,
                    limits,
                    logging,
                    otel,
                    admin,
                    development,
                    warnings,
                    effective,
                    given,
                    known,
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

    /// Reads the key that seals the seeds of signing keys alone.
    ///
    /// # Errors
    /// An invalid key.
    #[cfg(feature = "federation")]
    pub(crate) fn read_sealing_key(
        sources: &Sources,
    ) -> Result<Option<Arc<less_sync_auth::federation::sealing::SealingKey>>, InvalidConfig> {
        let mut reader = Reader::new(sources);
        let key = federation::sealing_key(&mut reader);
        let problems = reader.into_problems();
        if problems.is_empty() { Ok(key) } else { Err(InvalidConfig { problems }) }
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

    /// Names of all settings of a server, aliases included.
    pub(crate) fn names() -> Vec<&'static str> {
        let required = [("DATABASE_URL", "sqlite:x"), ("TRUSTED_ISSUERS", "https://x.example")];
        let required = required.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self::read(&Sources::from_environment(required)).map(|config| config.known).unwrap_or_default()
    }

    /// Readiness URL of a server with these settings, as seen from its own machine.
    ///
    /// # Errors
    /// `LISTEN_ADDR` is invalid.
    pub(crate) fn own_readiness_url(sources: &Sources) -> anyhow::Result<Url> {
        let mut reader = Reader::new(sources);
        let listen = server::listen(&mut reader);
        let admin = admin::read(&mut reader, listen.as_ref());
        let is_encrypted = tls::read(&mut reader).is_some();
        let invalid = |reader: Reader<'_>| InvalidConfig { problems: reader.into_problems() };
        let listen = match (listen, admin) {
            (None, _) => return Err(invalid(reader).into()),
            (Some(_), Some(admin)) if is_encrypted => admin.listen,
            (Some(_), None) if is_encrypted => anyhow::bail!(
                "a server with TLS is checked at ADMIN_ADDR, which is not set: its certificate is not for this machine"
            ),
            (Some(listen), _) => listen,
        };
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

impl IssuerConfig {
    /// Reads the configuration of an issuer from `sources`.
    ///
    /// # Errors
    /// [`InvalidConfig`], with all problems at once.
    pub fn read(sources: &Sources) -> Result<Self, InvalidConfig> {
        Self::read_beside(sources, &Config::names()).map_err(|problems| InvalidConfig { problems })
    }

    /// Reads the directory of an issuer, for commands that change it. One that cannot be synchronised is passed to `report`.
    ///
    /// # Errors
    /// [`InvalidConfig`].
    pub(crate) fn read_directory(
        sources: &Sources,
        report: fn(&Path),
    ) -> Result<(PathBuf, DirectorySync), InvalidConfig> {
        Self::read_place(sources, report).map_err(|problems| InvalidConfig { problems })
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
