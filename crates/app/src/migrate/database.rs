//! Database selection: URL sources and adapter.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use less_sync_disk::DirectorySync;
use less_sync_storage_postgres::migrate::{DatabaseUrl, InvalidDatabaseUrl, Migrator};

use super::arguments::Connection;
use super::schema::Schema;
use super::{postgres, sqlite};
use crate::config::{Sources, Values, unsupported_scheme};
use crate::exit_error::ExitError;
use crate::offline_store::given_address;

pub(super) use crate::offline_store::directory_sync;

/// A database to migrate.
#[derive(Debug)]
pub(super) enum Database {
    Postgres(Box<Migrator>),
    Sqlite(PathBuf, DirectorySync),
}

impl Database {
    /// Finds the database: the command line, else `DATABASE_MIGRATION_URL`, else `DATABASE_URL`.
    pub(super) fn find(connection: &Connection, environment: &Values) -> Result<Self, ExitError> {
        let sources = settings(connection, environment).map_err(ExitError::usage)?;
        let url = address(connection, environment).map_err(ExitError::usage)?;
        Self::at(&url, directory_sync(&sources).map_err(ExitError::usage)?).map_err(ExitError::usage)
    }

    fn at(url: &str, sync: DirectorySync) -> anyhow::Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return sqlite::path(path).map(|path| Self::Sqlite(path, sync));
        }
        let parsed = url.parse::<DatabaseUrl>();
        if matches!(parsed, Err(InvalidDatabaseUrl::Scheme)) {
            return Err(anyhow!("invalid database address: {}", unsupported_scheme(url)));
        }
        let url = parsed.context("invalid database address")?;
        Ok(Self::Postgres(Box::new(Migrator::new(url))))
    }

    /// Schema status.
    pub(super) async fn schema(&self) -> Result<Schema, ExitError> {
        match self {
            Self::Postgres(migrator) => postgres::schema(migrator).await,
            Self::Sqlite(path, _) => sqlite::schema(path),
        }
    }
}

/// Settings of the environment and the config file.
pub(super) fn settings(connection: &Connection, environment: &Values) -> anyhow::Result<Sources> {
    let mut sources = Sources::from_environment(environment.clone());
    if let Some(file) = &connection.config {
        sources.add_file(file)?;
    }
    Ok(sources)
}

/// Settings of the server, with the database of the command line.
pub(super) fn sources(connection: &Connection, environment: &Values) -> anyhow::Result<Sources> {
    let mut sources = settings(connection, environment)?;
    sources.flags.insert("DATABASE_URL".to_owned(), address(connection, environment)?);
    Ok(sources)
}

pub(super) fn address(connection: &Connection, environment: &Values) -> anyhow::Result<String> {
    if let Some(given) = &connection.database_url {
        return given_address(given);
    }
    let sources = settings(connection, environment)?;
    for name in ["DATABASE_MIGRATION_URL", "DATABASE_URL"] {
        if let Some(url) = sources.look_up(name).map_err(|problem| anyhow!(problem))? {
            return Ok(url);
        }
    }
    Err(anyhow!("DATABASE_URL is not set: set it, or give --database-url URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> anyhow::Result<Database> {
        Database::at(url, DirectorySync::required())
    }

    fn environment(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn address_comes_from_the_first_place_that_has_one() {
        let both = environment(&[("DATABASE_URL", "sqlite:a"), ("DATABASE_MIGRATION_URL", "sqlite:b")]);
        let given = Connection { database_url: Some("sqlite:c".into()), config: None };
        assert_eq!(address(&given, &both).unwrap(), "sqlite:c");
        assert_eq!(address(&Connection::default(), &both).unwrap(), "sqlite:b");
        let one = environment(&[("DATABASE_URL", "sqlite:a"), ("DATABASE_MIGRATION_URL", " ")]);
        assert_eq!(address(&Connection::default(), &one).unwrap(), "sqlite:a");
        let none = address(&Connection::default(), &Values::new()).unwrap_err();
        assert_eq!(none.to_string(), "DATABASE_URL is not set: set it, or give --database-url URL");
    }

    #[test]
    fn address_can_be_kept_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sqlite:secret\n").unwrap();
        let path = file.path().to_str().unwrap();
        let given = Connection { database_url: Some(format!("@{path}")), config: None };
        assert_eq!(address(&given, &Values::new()).unwrap(), "sqlite:secret");
        let variable = environment(&[("DATABASE_URL_FILE", path)]);
        assert_eq!(address(&Connection::default(), &variable).unwrap(), "sqlite:secret");
    }

    #[test]
    fn kind_of_a_database_is_known_by_its_address() {
        assert!(matches!(at("postgres://localhost/x").unwrap(), Database::Postgres(_)));
        assert!(matches!(at("postgresql://localhost/x").unwrap(), Database::Postgres(_)));
        assert!(matches!(at("sqlite:x.db").unwrap(), Database::Sqlite(..)));
        let other = at("mysql://localhost/x").unwrap_err();
        let expected = "invalid database address: unsupported database scheme mysql://: expected sqlite:PATH or postgres://USER@HOST/DATABASE";
        assert_eq!(format!("{other:#}"), expected);
        for secret in ["user:hush@host/x", "hush", "a hush://x"] {
            assert!(!at(secret).unwrap_err().to_string().contains("hush"), "{secret}");
        }
    }
}
