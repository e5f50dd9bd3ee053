//! The address of a database.

mod parameters;

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use url::{ParseError, Url};

use super::libpq::LibpqAddress;

/// Address of a PostgreSQL database: a URI as libpq takes it, with `postgres://` or `postgresql://`. May contain a password,
/// and never shows it.
///
/// What the URI leaves out comes from the environment (`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`,
/// `PGSSLMODE` …) and the password file, and the user from the name of the process's user.
#[derive(Clone)]
pub struct DatabaseUrl {
    options: PgConnectOptions,
    /// The same without the parameter `options`, and statements that set what it says; `None` without that parameter.
    plain: Option<(PgConnectOptions, String)>,
    /// The URI itself; empty if there is none.
    text: String,
}

/// Error of parsing an address. No message quotes the address: it may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Not a PostgreSQL address.
    #[error("unsupported database scheme")]
    Scheme,
    /// PostgreSQL address that cannot be parsed.
    #[error("not an address of a database")]
    Malformed(#[source] Box<dyn Error + Send + Sync>),
    /// Several hosts, of which libpq would try one after the other.
    #[error("several hosts are not supported: set the address of the primary, or of a proxy that finds it")]
    SeveralHosts,
    /// Parameter of libpq that this program cannot honour, or of nothing.
    #[error("unsupported parameter \"{0}\"")]
    Parameter(String),
}

/// Parameters that the driver applies.
const APPLIED: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Parameters of libpq that hosting services put into addresses and that change nothing here: the session has settings of
/// its own for them, or the default is as good.
const WITHOUT_EFFECT: [&str; 10] = [
    "channel_binding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "sslnegotiation",
    "tcp_user_timeout",
];

impl DatabaseUrl {
    /// As the driver takes it.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// As the driver takes it, for proxies that reject the parameter `options`, and the statements that replace it.
    pub(crate) fn without_parameters(&self) -> Option<(&PgConnectOptions, &str)> {
        self.plain.as_ref().map(|(options, parameters)| (options, parameters.as_str()))
    }

    /// As the programs of PostgreSQL take it.
    #[must_use]
    pub fn libpq(&self) -> LibpqAddress {
        LibpqAddress::of(&self.text)
    }

    /// The address with other options of the driver.
    pub(crate) fn adapt(self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        let plain = self.plain.map(|(options, parameters)| (change(options), parameters));
        Self { options: change(self.options), plain, text: self.text }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(InvalidDatabaseUrl::Scheme);
        }
        let mut url = match Url::parse(text) {
            Err(ParseError::EmptyHost) => without_host(text)?,
            parsed => parsed.map_err(|error| malformed(text, error))?,
        };
        supported(&mut url)?;
        let plain = parameters::take(&url).map(|(url, parameters)| Ok((driver_options(&url)?, parameters)));
        Ok(Self { options: driver_options(&url)?, plain: plain.transpose()?, text: text.to_owned() })
    }
}

fn driver_options(url: &Url) -> Result<PgConnectOptions, InvalidDatabaseUrl> {
    let options =
        PgConnectOptions::from_url(url).map_err(|error| InvalidDatabaseUrl::Malformed(error.into()))?;
    // Poolers reject start-up parameters that they do not track, and no statement reads a floating-point number.
    Ok(options.extra_float_digits(None))
}

/// Start and end of the hosts in an address.
fn hosts(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let end = text[start..].find(['/', '?']).map_or(text.len(), |length| start + length);
    let user = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
    Some(user..end)
}

/// libpq separates hosts by commas, which no other URL contains there.
fn malformed(text: &str, error: ParseError) -> InvalidDatabaseUrl {
    match hosts(text) {
        Some(hosts) if text[hosts.clone()].contains(',') => InvalidDatabaseUrl::SeveralHosts,
        _ => InvalidDatabaseUrl::Malformed(error.into()),
    }
}

/// Parses an address with a user and without a host, which libpq takes and the parser of URLs does not. The host is the one
/// that an empty address means.
fn without_host(text: &str) -> Result<Url, InvalidDatabaseUrl> {
    let at = hosts(text).map_or(text.len(), |hosts| hosts.start);
    let (user, rest) = text.split_at(at);
    let mut url = Url::parse(&format!("{user}localhost{rest}")).map_err(|error| malformed(text, error))?;
    if !url.query_pairs().any(|(name, _)| is_host(&name)) {
        let default = PgConnectOptions::new_without_pgpass();
        url.query_pairs_mut().append_pair("host", default.get_host());
    }
    Ok(url)
}

fn is_host(parameter: &str) -> bool {
    matches!(parameter, "host" | "hostaddr")
}

/// Rejects what the driver would ignore, and adapts what it reads in another way than libpq.
fn supported(url: &mut Url) -> Result<(), InvalidDatabaseUrl> {
    let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if url.host_str().is_some_and(|host| host.contains(','))
        || parameters.iter().any(|(name, value)| is_host(name) && value.contains(','))
    {
        return Err(InvalidDatabaseUrl::SeveralHosts);
    }
    let applied = |name: &str| APPLIED.contains(&name) || name.starts_with("options[");
    if let Some((name, _)) =
        parameters.iter().find(|(name, _)| !applied(name) && !WITHOUT_EFFECT.contains(&name.as_str()))
    {
        return Err(InvalidDatabaseUrl::Parameter(name.clone()));
    }
    // The driver would look up an address of IPv6 together with its brackets.
    let ipv6 =
        url.host_str().and_then(|host| host.strip_prefix('[')?.strip_suffix(']')).map(ToOwned::to_owned);
    let kept = parameters.iter().filter(|(name, _)| applied(name));
    let host = ipv6.filter(|_| !parameters.iter().any(|(name, _)| is_host(name)));
    let query: Vec<(&str, &str)> = kept
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(host.as_deref().map(|host| ("host", host)))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(query);
    Ok(())
}

impl From<PgConnectOptions> for DatabaseUrl {
    fn from(options: PgConnectOptions) -> Self {
        Self { options, plain: None, text: String::new() }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn address_shows_no_password() {
        let url: DatabaseUrl = "postgresql://less_sync:hush@localhost/less_sync".parse().unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl(..)");
    }

    fn options(url: &str) -> PgConnectOptions {
        url.parse::<DatabaseUrl>().unwrap().options
    }

    #[test]
    fn host_is_read_in_every_form() {
        for (url, host) in [
            ("postgres://u@[::1]:5433/d", "::1"),
            ("postgres://u@[2001:db8::1]/d?sslmode=require", "2001:db8::1"),
            ("postgres://u@127.0.0.1/d", "127.0.0.1"),
            ("postgres://u@db.example/d?hostaddr=192.0.2.7", "192.0.2.7"),
            ("postgres://u@/d?host=db.example&port=5433", "db.example"),
        ] {
            assert_eq!(options(url).get_host(), host, "{url}");
        }
        for url in [
            "postgres://u@%2Fvar%2Frun/d",
            "postgres:///d?host=/var/run&user=u",
            "postgres://u@/d?host=/var/run",
        ] {
            assert_eq!(options(url).get_socket().unwrap(), Path::new("/var/run"), "{url}");
        }
        assert_eq!(options("postgres://u@[::1]:5433/d").get_port(), 5433);
        let default = PgConnectOptions::new_without_pgpass();
        for url in ["postgres:///d", "postgres://u@/d", "postgres://u:p@?dbname=d"] {
            assert_eq!(options(url).get_host(), default.get_host(), "{url}");
        }
    }

    #[test]
    fn names_may_be_percent_encoded() {
        let options = options("postgres://sync%40team:p%2Fw@localhost/less%20sync");
        assert_eq!((options.get_username(), options.get_database()), ("sync@team", Some("less sync")));
    }

    #[test]
    fn address_without_user_means_the_user_of_the_process() {
        let default = PgConnectOptions::new_without_pgpass();
        assert_eq!(options("postgres://localhost/less_sync").get_username(), default.get_username());
        // Default of the driver if it was built without the feature that finds the name.
        assert_ne!(whoami::username().unwrap(), "anonymous");
    }

    #[test]
    fn parameters_are_applied_ignored_knowingly_or_rejected() {
        options("postgres://u@h/d?sslmode=require&channel_binding=require&connect_timeout=10");
        let rejected = |url: &str| url.parse::<DatabaseUrl>().unwrap_err().to_string();
        assert_eq!(rejected("postgres://u:hush@h/d?service=main"), "unsupported parameter \"service\"");
        assert_eq!(rejected("postgres://u@h/d?sslmod=require"), "unsupported parameter \"sslmod\"");
        for url in ["postgres://u@a,b/d", "postgres://u@a:5432,b:5432/d", "postgres://u@/d?host=a,b"] {
            assert!(rejected(url).starts_with("several hosts are not supported"), "{url}");
        }
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
