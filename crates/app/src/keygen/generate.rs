//! Creation of signing keys.

use anyhow::{Context as _, anyhow};
use less_sync_auth::federation::{KeyId, PeerKey, SigningKey};
use less_sync_core::CanonicalDomain;
use less_sync_federation::own_keys::{KeyEntropy, new_key, unless_primary_of};
use less_sync_storage::{AddedKey, FederationKeyRejection, KeyPlacement, StorageError};
use serde::Serialize;

use super::arguments::KeyArguments;
use super::database::{Database, sealing};
use super::output::print;
use crate::clock::SystemClock;
use crate::config::Sources;
use crate::exit_error::ExitError;
use crate::key_fragment::default_fragment;

/// Maximum length of a fragment, in bytes.
const MAX_FRAGMENT: usize = 64;

/// Makes a key; stores it when a database is configured.
pub(super) async fn generate(sources: &Sources, arguments: &KeyArguments) -> Result<(), ExitError> {
    let request = Request::read(sources, arguments).map_err(ExitError::usage)?;
    let placement = if arguments.no_promote { KeyPlacement::Staged } else { KeyPlacement::Primary };
    add(sources, arguments, &request, &placement).await
}

/// Makes a key unless an active primary of the domain exists.
pub(super) async fn ensure(sources: &Sources, arguments: &KeyArguments) -> Result<(), ExitError> {
    let request = Request::read(sources, arguments).map_err(ExitError::usage)?;
    let placement = unless_primary_of(&request.domain);
    add(sources, arguments, &request, &placement).await
}

/// Description of a key to be made.
struct Request {
    domain: CanonicalDomain,
    key_id: KeyId,
    entropy: KeyEntropy,
}

impl Request {
    fn read(sources: &Sources, arguments: &KeyArguments) -> anyhow::Result<Self> {
        let configured = sources.look_up("FEDERATION_DOMAIN").map_err(|problem| anyhow!(problem))?;
        let domain = arguments.domain.clone().or(configured).unwrap_or_default();
        if domain.trim().is_empty() {
            return Err(anyhow!("--domain is required"));
        }
        let domain: CanonicalDomain =
            domain.parse().with_context(|| format!("invalid domain \"{domain}\""))?;
        let fragment = arguments.kid.clone().unwrap_or_else(|| default_fragment(&SystemClock));
        let is_valid = (1..=MAX_FRAGMENT).contains(&fragment.len())
            && fragment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if !is_valid {
            return Err(anyhow!(
                "invalid key id fragment \"{fragment}\": expected 1 to 64 letters, digits, '.', '_' and '-'"
            ));
        }
        let key_id = KeyId::own(&domain, &fragment)?;
        Ok(Self { domain, key_id, entropy: (rand::random(), rand::random()) })
    }
}

async fn add(
    sources: &Sources,
    arguments: &KeyArguments,
    request: &Request,
    placement: &KeyPlacement,
) -> Result<(), ExitError> {
    let sealing = sealing(sources)?;
    let made = Printed::made(request, arguments.print_private);
    let Some(database) = Database::open(sources).await? else {
        return made.print(arguments.json);
    };
    let key = new_key(&request.key_id, request.entropy, sealing.as_deref());
    let added = database.storage().add_key(&key, placement).await;
    database.close().await;
    match added {
        Ok(AddedKey::Inserted { is_primary }) => made.stored(is_primary).print(arguments.json),
        Ok(AddedKey::HasPrimary(present)) => {
            Printed::present(&present.kid, &present.public)?.print(arguments.json)
        }
        // The seed is random, so the same public key does not occur.
        Ok(AddedKey::Unchanged) | Err(StorageError::Rejected(FederationKeyRejection::Mismatch)) => {
            Err(anyhow!("a key with the id \"{}\" exists", request.key_id).into())
        }
        Err(error) => Err(anyhow::Error::new(error).context("cannot store the key").into()),
    }
}

/// Result of the command, in the order of its lines.
#[derive(Serialize)]
struct Printed {
    #[serde(skip)]
    heading: &'static str,
    key_id: String,
    public_key_base64url: String,
    trusted_keys_entry: String,
    /// Seed; `None` unless it is asked for. A key that was there before prints none.
    #[serde(skip_serializing_if = "Option::is_none")]
    private_seed_base64url: Option<String>,
    stored_in_database: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    promoted_for_signing: Option<bool>,
    #[serde(skip)]
    hides_seed: bool,
}

impl Printed {
    fn made(request: &Request, print_private: bool) -> Self {
        let (seed, _) = &request.entropy;
        let key = SigningKey::from_seed(seed);
        Self {
            heading: "Generated federation signing key",
            private_seed_base64url: print_private.then(|| key.seed_base64url()),
            hides_seed: !print_private,
            ..Self::of(request.key_id.as_str(), key.public())
        }
    }

    fn present(kid: &str, public: &[u8]) -> anyhow::Result<Self> {
        let public =
            PeerKey::from_bytes(public).with_context(|| format!("stored public key of \"{kid}\""))?;
        let heading = "Found the active federation signing key";
        Ok(Self {
            heading,
            stored_in_database: true,
            promoted_for_signing: Some(true),
            ..Self::of(kid, public)
        })
    }

    fn of(key_id: &str, public: PeerKey) -> Self {
        let public = public.to_base64url();
        Self {
            heading: "",
            key_id: key_id.to_owned(),
            trusted_keys_entry: format!("{key_id}={public}"),
            public_key_base64url: public,
            private_seed_base64url: None,
            stored_in_database: false,
            promoted_for_signing: None,
            hides_seed: false,
        }
    }

    fn stored(self, is_primary: bool) -> Self {
        Self { stored_in_database: true, promoted_for_signing: Some(is_primary), ..self }
    }

    fn print(&self, json: bool) -> Result<(), ExitError> {
        if json {
            return print(&serde_json::to_string(self).context("cannot write JSON")?);
        }
        print(self.heading)?;
        print(&format!("key_id={}", self.key_id))?;
        print(&format!("public_key_base64url={}", self.public_key_base64url))?;
        print(&format!("trusted_keys_entry={}", self.trusted_keys_entry))?;
        if let Some(seed) = &self.private_seed_base64url {
            print(&format!("private_seed_base64url={seed}"))?;
        } else if self.hides_seed {
            print("private_seed_base64url=<hidden> (pass --print-private to show)")?;
        }
        print(&format!("stored_in_database={}", self.stored_in_database))?;
        match self.promoted_for_signing {
            Some(promoted) => print(&format!("promoted_for_signing={promoted}")),
            None => print("hint=set --database-url or DATABASE_URL to persist this key"),
        }
    }
}
