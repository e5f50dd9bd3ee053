//! Settings of federation (operations §2.6, federation §5.2).

mod home;
mod trust;

use std::fmt;
use std::sync::Arc;

use less_sync_auth::federation::key_set::KidForm;
use less_sync_auth::federation::sealing::SealingKey;
use less_sync_core::CanonicalDomain;
use zeroize::Zeroizing;

use super::reader::Reader;
pub use home::HomeConfig;
pub use trust::TrustConfig;

/// Keys of this server, and trust in others. `Debug` shows no key.
#[derive(Clone, Default)]
pub struct FederationConfig {
    /// Own domain (`FEDERATION_DOMAIN`): a first signing key is made for it at the start. Default: none.
    pub domain: Option<CanonicalDomain>,
    /// Key that seals the seeds of signing keys (`FEDERATION_KEY_ENCRYPTION_KEY`). Default: seeds are stored bare.
    pub sealing: Option<Arc<SealingKey>>,
    /// Form of key ids in the published key set (`FEDERATION_JWKS_KID`).
    pub kid_form: KidForm,
    /// Exchange of presence and ephemeral events with other servers (`FEDERATION_PRESENCE`). Default: off.
    pub has_presence: bool,
    /// Trust in other servers.
    pub trust: TrustConfig,
    /// Quotas of other servers, and their subscribe tokens.
    pub home: HomeConfig,
}

impl FederationConfig {
    /// Returns true when links of other servers are accepted at the start.
    pub(super) fn accepts_links(&self) -> bool {
        self.trust.accepts_links()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let trust = TrustConfig::read(reader);
        Self {
            domain: domain(reader),
            sealing: sealing_key(reader),
            kid_form: kid_form(reader),
            has_presence: reader.switch("FEDERATION_PRESENCE", false),
            home: HomeConfig::read(reader, trust.accepts_links()),
            trust,
        }
    }
}

fn domain(reader: &mut Reader<'_>) -> Option<CanonicalDomain> {
    let text = reader.text("FEDERATION_DOMAIN")?;
    let parsed = text.parse::<CanonicalDomain>();
    parsed
        .map_err(|reason| reader.problem(format!("invalid FEDERATION_DOMAIN value \"{text}\": {reason}")))
        .ok()
}

/// Reads the key that seals seeds.
pub(super) fn sealing_key(reader: &mut Reader<'_>) -> Option<Arc<SealingKey>> {
    const NAME: &str = "FEDERATION_KEY_ENCRYPTION_KEY";
    let text = reader.text(NAME).map(Zeroizing::new);
    reader.show(NAME, if text.is_some() { "set" } else { "unset" });
    match text?.trim().parse::<SealingKey>() {
        Ok(key) => Some(Arc::new(key)),
        Err(reason) => {
            reader.problem(format!("invalid {NAME}: {reason}"));
            None
        }
    }
}

fn kid_form(reader: &mut Reader<'_>) -> KidForm {
    const NAME: &str = "FEDERATION_JWKS_KID";
    let form = match reader.text(NAME).as_deref() {
        None | Some("full") => KidForm::Full,
        Some("both") => KidForm::Both,
        Some(other) => {
            reader.problem(format!("invalid {NAME} value \"{other}\": expected full or both"));
            KidForm::Full
        }
    };
    reader.show(NAME, if form == KidForm::Both { "both" } else { "full" });
    form
}

impl fmt::Debug for FederationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederationConfig")
            .field("domain", &self.domain)
            .field("is_sealing", &self.sealing.is_some())
            .field("kid_form", &self.kid_form)
            .field("has_presence", &self.has_presence)
            .field("trust", &self.trust)
            .field("home", &self.home)
            .finish()
    }
}
