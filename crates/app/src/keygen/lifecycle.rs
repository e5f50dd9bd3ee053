//! Promotion and deactivation of stored keys (federation §6.4, KY-9).

use std::time::Duration;

use anyhow::anyhow;
use less_sync_storage::{FederationKeyError, FederationKeyRejection, StorageError};

use super::arguments::ChangeArguments;
use super::database::Database;
use super::output::print;
use crate::config::Sources;
use crate::exit_error::ExitError;

/// Age at which a key may be promoted: twice the time that peers use a cached key set.
const MINIMUM_AGE: Duration = Duration::from_hours(2);

/// Makes a stored key the primary.
pub(super) async fn promote(sources: &Sources, arguments: &ChangeArguments) -> Result<(), ExitError> {
    let database = Database::require(sources).await?;
    let minimum_age = if arguments.force { Duration::ZERO } else { MINIMUM_AGE };
    let promoted = database.storage().promote_key(&arguments.kid, minimum_age).await;
    database.close().await;
    promoted.map_err(|error| failure(error, &arguments.kid))?;
    print(&format!("promoted {}", arguments.kid))
}

/// Withdraws a stored key.
pub(super) async fn deactivate(sources: &Sources, arguments: &ChangeArguments) -> Result<(), ExitError> {
    let database = Database::require(sources).await?;
    let deactivated = database.storage().deactivate_key(&arguments.kid, arguments.force).await;
    database.close().await;
    deactivated.map_err(|error| failure(error, &arguments.kid))?;
    print(&format!("deactivated {}", arguments.kid))
}

fn failure(error: FederationKeyError, kid: &str) -> ExitError {
    let StorageError::Rejected(rejection) = error else {
        return anyhow::Error::new(error).context("cannot change the key").into();
    };
    ExitError::from(match rejection {
        FederationKeyRejection::NotFound => anyhow!("no key with the id \"{kid}\" is stored"),
        FederationKeyRejection::TooYoung => anyhow!(
            "key \"{kid}\" is younger than two hours: peers may not know it yet. Wait, or give --force"
        ),
        FederationKeyRejection::IsPrimary => {
            anyhow!("key \"{kid}\" is the primary: promote another one first, or give --force")
        }
        FederationKeyRejection::Mismatch => anyhow!("another key has the id \"{kid}\""),
    })
}
