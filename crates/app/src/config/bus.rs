//! Transport between the nodes of a deployment (operations §2.3).

#[cfg(feature = "nats")]
use less_sync_bus::{InvalidNatsOptions, NatsOptions};

use super::database::DatabaseConfig;
use super::reader::Reader;

const NAME: &str = "FANOUT_BUS";
const NATS_URL: &str = "NATS_URL";
const PREFIX: &str = "NATS_SUBJECT_PREFIX";

/// Transport between nodes.
#[derive(Clone, Debug)]
pub enum BusConfig {
    /// No transport: for a single server, or events reach the others by their comparison with the database.
    None,
    /// Notifications of the PostgreSQL server.
    Postgres,
    /// NATS servers (`NATS_URL`, `NATS_SUBJECT_PREFIX`).
    #[cfg(feature = "nats")]
    Nats(Box<NatsOptions>),
}

impl BusConfig {
    /// Reads the setting. Default: `postgres` on PostgreSQL, where other nodes may come at any time, else `none`.
    pub(super) fn read(reader: &mut Reader<'_>, database: Option<&DatabaseConfig>) -> Self {
        let is_shared = matches!(database, Some(DatabaseConfig::Postgres(_)));
        let default = if is_shared { "postgres" } else { "none" };
        let name = reader.text(NAME);
        if name.is_none() {
            reader.show(NAME, default);
        }
        let name = name.as_deref().unwrap_or(default);
        let (url, prefix) = (reader.text(NATS_URL), reader.text(PREFIX));
        let prefix = prefix.unwrap_or_else(|| "less-sync".to_owned());
        reader.show(PREFIX, &prefix);
        // The URL may contain a password.
        reader.show(NATS_URL, if url.is_some() { "set" } else { "unset" });
        if url.is_some() && name != "nats" {
            reader.warning(format!("{NATS_URL} has no effect without {NAME}=nats"));
        }
        match name {
            "none" => Self::None,
            "postgres" | "nats" if !is_shared && database.is_some() => {
                reader.problem(format!("{NAME}={name} needs a DATABASE_URL of PostgreSQL"));
                Self::None
            }
            "postgres" => Self::Postgres,
            "nats" => nats(reader, url.as_deref(), &prefix),
            _ => {
                let expected = "expected \"none\", \"postgres\" or \"nats\"";
                reader.problem(format!("invalid {NAME} \"{name}\": {expected}"));
                Self::None
            }
        }
    }
}

#[cfg(feature = "nats")]
fn nats(reader: &mut Reader<'_>, url: Option<&str>, prefix: &str) -> BusConfig {
    let Some(url) = url else {
        reader.problem(format!("{NAME}=nats needs {NATS_URL}"));
        return BusConfig::None;
    };
    let problem = match NatsOptions::new(url, prefix) {
        Ok(options) => return BusConfig::Nats(Box::new(options)),
        Err(error @ InvalidNatsOptions::Prefix) => format!("invalid {PREFIX} \"{prefix}\": {error}"),
        Err(error) => format!("invalid {NATS_URL}: {error}"),
    };
    reader.problem(problem);
    BusConfig::None
}

#[cfg(not(feature = "nats"))]
fn nats(reader: &mut Reader<'_>, _url: Option<&str>, _prefix: &str) -> BusConfig {
    reader.problem(format!("{NAME}=nats: this build has no NATS, build it with the feature nats"));
    BusConfig::None
}
