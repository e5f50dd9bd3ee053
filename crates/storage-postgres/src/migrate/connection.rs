//! The migrator's own connection. It ends with the run, and the lock with it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::time::timeout;

use super::MigrateError;

/// The oldest PostgreSQL that will do (operations §11.3).
const OLDEST_SERVER: i32 = 15;

/// For building indexes, that takes as long as it takes; all clocks alike; nothing said about what is in order.
const SESSION: &str = "SET application_name = 'less-sync-migrate'; \
    SET client_min_messages = warning; \
    SET statement_timeout = 0; \
    SET lock_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; \
    SET timezone = 'UTC'; \
    SET standard_conforming_strings = on";

/// The address of a PostgreSQL database: `postgres://` or `postgresql://`. May hold a password, and never shows it.
#[derive(Clone)]
pub struct DatabaseUrl(PgConnectOptions);

/// The address is of another kind, or broken.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Not a PostgreSQL address.
    #[error("unsupported database scheme")]
    Scheme,
    /// One, but broken.
    #[error("not an address of a database")]
    Malformed(#[source] sqlx::Error),
}

impl DatabaseUrl {
    /// As the driver takes it.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(InvalidDatabaseUrl::Scheme);
        }
        let options = text.parse().map_err(InvalidDatabaseUrl::Malformed)?;
        Ok(Self(options))
    }
}

impl From<PgConnectOptions> for DatabaseUrl {
    fn from(options: PgConnectOptions) -> Self {
        Self(options)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").finish_non_exhaustive()
    }
}

pub(crate) async fn open(url: &DatabaseUrl, patience: Duration) -> Result<PgConnection, MigrateError> {
    let connecting = timeout(patience, url.0.connect()).await;
    let connected = connecting.map_err(|_elapsed| MigrateError::ConnectTimeout(patience))?;
    let mut db = connected.map_err(MigrateError::Connect)?;
    sqlx::raw_sql(SESSION).execute(&mut db).await?;
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int / 10000")
        .fetch_one(&mut db)
        .await?;
    if version < OLDEST_SERVER {
        return Err(MigrateError::ServerTooOld { found: version, needed: OLDEST_SERVER });
    }
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_shows_no_password() {
        let url: DatabaseUrl = "postgresql://less_sync:hush@localhost/less_sync".parse().unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl(..)");
    }

    #[test]
    fn other_databases_are_rejected() {
        for url in ["mysql://localhost/x", "sqlite:x.db", "", "postgres"] {
            let error = url.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error.to_string(), "unsupported database scheme", "{url}");
        }
        assert!(matches!(
            "postgres://local host".parse::<DatabaseUrl>(),
            Err(InvalidDatabaseUrl::Malformed(_))
        ));
    }
}
