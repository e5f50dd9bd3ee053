//! Settings of the home of spaces towards other servers: quotas and subscribe tokens (federation §5.2).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::federation::subscribe_token::SubscribeTokens;
use less_sync_federation::trust::QuotaSettings;
use zeroize::Zeroizing;

use crate::config::reader::Reader;

/// Length of a secret below which a warning is shown, in bytes (federation TR-2).
const SHORT: usize = 32;

/// Quotas of other servers, and the tokens with which they renew their subscriptions. `Debug` shows no secret.
#[derive(Clone, Default)]
pub struct HomeConfig {
    /// Quotas, unless the peers file has others.
    pub quotas: QuotaSettings,
    /// Scope of access tokens that the status route requires (`FEDERATION_STATUS_SCOPE`).
    pub status_scope: Option<String>,
    secrets: Option<Secrets>,
    lifetime: Duration,
}

#[derive(Clone)]
struct Secrets {
    current: Arc<Zeroizing<String>>,
    previous: Option<Arc<Zeroizing<String>>>,
}

impl HomeConfig {
    /// Subscribe tokens; `None` without `FEDERATION_FST_SECRET`.
    pub(crate) fn tokens(&self) -> Option<SubscribeTokens> {
        let Secrets { current, previous } = self.secrets.as_ref()?;
        let previous = previous.as_ref().map(|secret| secret.as_bytes());
        Some(SubscribeTokens::new(current.as_bytes(), previous, self.lifetime))
    }

    /// Reads the settings. `is_federated`: links of other servers are accepted.
    pub(super) fn read(reader: &mut Reader<'_>, is_federated: bool) -> Self {
        let default = QuotaSettings::default();
        let quotas = QuotaSettings {
            spaces: reader.count("FEDERATION_MAX_SPACES", default.spaces, 1..=1_000_000),
            records_per_hour: reader.count(
                "FEDERATION_MAX_RECORDS_PER_HOUR",
                default.records_per_hour,
                1..=u32::MAX,
            ),
            bytes_per_hour: reader.count(
                "FEDERATION_MAX_BYTES_PER_HOUR",
                default.bytes_per_hour,
                1..=1 << 50,
            ),
            invitations_per_hour: reader.count(
                "FEDERATION_MAX_INVITATIONS_PER_HOUR",
                default.invitations_per_hour,
                1..=u32::MAX,
            ),
            ..default
        };
        let current = secret(reader, "FEDERATION_FST_SECRET");
        let previous = secret(reader, "FEDERATION_FST_PREVIOUS_SECRET");
        let lifetime = reader.count("FEDERATION_FST_MAX_LIFETIME_SECONDS", 86_400, 60..=86_400);
        if current.is_none() && is_federated {
            reader.warning(
                "FEDERATION_FST_SECRET is not set: other servers renew their subscriptions with UCANs alone",
            );
        }
        let secrets = current.map(|current| Secrets { current, previous });
        let status_scope = reader.text("FEDERATION_STATUS_SCOPE");
        Self { quotas, status_scope, secrets, lifetime: Duration::from_secs(lifetime) }
    }
}

/// Reads a secret, without the white space around it.
fn secret(reader: &mut Reader<'_>, name: &'static str) -> Option<Arc<Zeroizing<String>>> {
    let text = reader.text(name).map(Zeroizing::new);
    let secret = text.map(|text| Zeroizing::new(text.trim().to_owned())).filter(|text| !text.is_empty());
    reader.show(name, if secret.is_some() { "set" } else { "unset" });
    if secret.as_ref().is_some_and(|secret| secret.len() < SHORT) {
        reader.warning(format!("{name} is shorter than {SHORT} bytes"));
    }
    secret.map(Arc::new)
}

impl fmt::Debug for HomeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HomeConfig")
            .field("quotas", &self.quotas)
            .field("status_scope", &self.status_scope)
            .field("has_tokens", &self.secrets.is_some())
            .field("lifetime", &self.lifetime)
            .finish()
    }
}
