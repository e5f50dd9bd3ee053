//! List of stored keys.

use anyhow::{Context as _, anyhow};
use less_sync_auth::federation::PeerKey;
use less_sync_storage::{DatabaseTime, FederationKey};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::database::Database;
use super::output::print;
use crate::config::Sources;
use crate::exit_error::ExitError;

/// Prints all stored keys, oldest first: id, state and times.
pub(super) async fn list(sources: &Sources, json: bool) -> Result<(), ExitError> {
    let database = Database::require(sources).await?;
    let keys = database.storage().federation_keys().await;
    database.close().await;
    for key in keys.context("cannot read the keys")? {
        let listed = Listed::of(&key)?;
        print(&if json {
            serde_json::to_string(&listed).context("cannot write JSON")?
        } else {
            listed.to_line()
        })?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Listed {
    key_id: String,
    public_key_base64url: String,
    /// `primary`, `active` or `inactive`.
    state: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivated_at: Option<String>,
}

impl Listed {
    fn of(key: &FederationKey) -> anyhow::Result<Self> {
        let public = PeerKey::from_bytes(&key.public)
            .with_context(|| format!("public key of \"{}\" is damaged", key.kid))?;
        Ok(Self {
            key_id: key.kid.clone(),
            public_key_base64url: public.to_base64url(),
            state: match (key.is_active, key.is_primary) {
                (true, true) => "primary",
                (true, false) => "active",
                (false, _) => "inactive",
            },
            created_at: shown(key.created_at)?,
            deactivated_at: key.deactivated_at.map(shown).transpose()?,
        })
    }

    fn to_line(&self) -> String {
        let Self { key_id, public_key_base64url, state, created_at, .. } = self;
        let line = format!(
            "key_id={key_id} state={state} created_at={created_at} public_key_base64url={public_key_base64url}"
        );
        match &self.deactivated_at {
            Some(time) => format!("{line} deactivated_at={time}"),
            None => line,
        }
    }
}

fn shown(time: DatabaseTime) -> anyhow::Result<String> {
    let seconds = time.micros().div_euclid(1_000_000);
    let time =
        OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| anyhow!("time of a key is out of range"))?;
    Ok(time.format(&Rfc3339)?)
}
