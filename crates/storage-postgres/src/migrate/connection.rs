//! Connection of the migrator. Closing it at the end of the run releases the lock.
//!
//! Statements may take as long as their backend works on them: index builds take long. They are few, so they are not
//! kept prepared.

use std::time::Duration;

use tokio::time::timeout;

use super::{DatabaseUrl, MigrateError};
use crate::session::{Naming, Session, Statements, Watchdog};
use crate::sqlstate::rejects_startup_parameter;

/// Minimum supported version of PostgreSQL (operations §11.3).
const OLDEST_SERVER: i32 = 15;

/// Session settings: no statement timeout (index builds take long), time zone UTC, no notices.
const SESSION: &str = "SET application_name = 'less-sync-migrate'; \
    SET client_min_messages = warning; \
    SET statement_timeout = 0; \
    SET lock_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; \
    SET timezone = 'UTC'; \
    SET standard_conforming_strings = on";

/// A session of the migrator.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) db: Session,
    /// A proxy pools transactions, so that statements of other sessions run on the same backend.
    pub(crate) pooled: bool,
}

pub(crate) async fn open(url: &DatabaseUrl, connect_timeout: Duration) -> Result<Opened, MigrateError> {
    let watchdog = Watchdog::new(url.options());
    let naming = Naming::new(Statements::Unnamed);
    let opened = timeout(connect_timeout, async {
        match (
            Session::open(url.options(), SESSION, None, &naming, &watchdog).await,
            url.without_parameters(),
        ) {
            (Err(error), Some((options, parameters))) if rejects_startup_parameter(&error) => {
                let settings = format!("{SESSION}; {parameters}");
                Session::open(options, &settings, None, &naming, &watchdog).await
            }
            (opened, _) => opened,
        }
    })
    .await;
    let opened = opened.map_err(|_elapsed| MigrateError::ConnectTimeout(connect_timeout))?;
    let mut db = opened.map_err(|error| MigrateError::Connect(error.into()))?;
    let (version, encoding): (i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')",
    )
    .fetch_one(&mut db)
    .await?;
    if version < OLDEST_SERVER {
        return Err(MigrateError::ServerTooOld { found: version, needed: OLDEST_SERVER });
    }
    if encoding != "UTF8" {
        return Err(MigrateError::Encoding(encoding));
    }
    Ok(Opened { db, pooled: watchdog.is_pooled() })
}
