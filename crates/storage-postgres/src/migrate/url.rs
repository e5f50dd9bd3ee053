//! The address of a database.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// The address of a PostgreSQL database: `postgres://` or `postgresql://`. May hold a password, and never shows it.
#[derive(Clone)]
pub struct DatabaseUrl(PgConnectOptions);

/// The address is of another kind, or broken.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Not a PostgreSQL address.
    #[error("unsupported database scheme")]
    Scheme,
    /// PostgreSQL address that cannot be parsed.
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
