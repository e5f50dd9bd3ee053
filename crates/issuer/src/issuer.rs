//! Issuer: token requests against the files of its directory.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::login_proof::Login;
use less_sync_core::MailboxId;
use less_sync_engine::Clock;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::attempts::Attempts;
use crate::directory::{ChangeError, Directory};
use crate::grant::{Grant, Tokens, fingerprint};
use crate::keys::SigningKeys;
use crate::password::{Password, StoredHash};
use crate::private_json::FileError;
use crate::request::{Credentials, ProvenDid, Rejection, TokenRequest, WantedClaims, all_scopes};
use crate::settings::IssuerSettings;
use crate::users::{User, UserName};

/// Passwords hashed at once: each takes 19 MiB and a core.
const HASHING: usize = 2;
/// Logins that wait for their turn.
const WAITING: usize = 32;
/// Maximum age of a proof of a DID, in both directions: the clock of the device may be off.
const PROOF_AGE: Duration = Duration::from_mins(5);

const WRONG: &str = "wrong user name or password";
const ENDED: &str = "the login has ended: log in again";

/// A running issuer.
pub struct Issuer {
    pub(crate) settings: IssuerSettings,
    directory: Directory,
    clock: Arc<dyn Clock>,
    attempts: Mutex<Attempts>,
    hashing: Semaphore,
    waiting: Semaphore,
    /// Hash that the password of an unknown user is compared with.
    nobody: StoredHash,
}

impl Issuer {
    /// Issuer with the keys and users of `directory`. Creates the first key.
    ///
    /// # Errors
    /// A file of the directory is invalid, or cannot be read or written.
    pub fn open(
        directory: Directory,
        settings: IssuerSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, ChangeError> {
        directory.create_key(clock.now())?;
        directory.signing_keys()?;
        directory.users()?;
        let nobody = StoredHash::of_nobody().ok_or(crate::InvalidPassword::Hash)?;
        Ok(Arc::new(Self {
            settings,
            directory,
            clock,
            attempts: Mutex::default(),
            hashing: Semaphore::new(HASHING),
            waiting: Semaphore::new(HASHING + WAITING),
            nobody,
        }))
    }

    /// The key set document.
    pub(crate) fn key_set(&self) -> Result<String, Rejection> {
        Ok(self.keys()?.published().to_owned())
    }

    /// Tokens for a request from `address`, with the granted scope.
    pub(crate) async fn token(
        self: &Arc<Self>,
        request: TokenRequest,
        address: IpAddr,
    ) -> Result<(Grant, Tokens), Rejection> {
        let (user, grant) = match request.credentials {
            Credentials::Refresh { token } => self.refresh(&token)?,
            Credentials::Password { user, password, client } => {
                let user = self.log_in(user, password, address).await?;
                let grant = Grant {
                    user: user.id.clone(),
                    client: client.as_str().to_owned(),
                    scope: all_scopes(),
                    did: None,
                    mailbox: None,
                };
                (user, grant)
            }
        };
        let grant = self.extend(grant, &user, request.claims).await?;
        let tokens = grant.sign(&*self.keys()?, &user, &self.settings, self.clock.now());
        Ok((grant, tokens))
    }

    fn keys(&self) -> Result<Arc<SigningKeys>, Rejection> {
        // A missing file is as bad as an invalid one: new keys would end all logins.
        self.directory.signing_keys()?.ok_or_else(|| {
            tracing::error!("the file of the signing keys is missing");
            Rejection::Internal
        })
    }

    fn refresh(&self, token: &str) -> Result<(User, Grant), Rejection> {
        let ended = Rejection::Grant(ENDED);
        let grant = Grant::of_refresh_token(&*self.keys()?, token, &self.settings, self.clock.now());
        let (grant, password) = grant.ok_or_else(|| ended.clone())?;
        let users = self.directory.users()?;
        let user = users.with_id(&grant.user).filter(|user| fingerprint(user) == password);
        Ok((user.ok_or(ended)?.clone(), grant))
    }

    /// Checks a password. An unknown user takes as long as a wrong password.
    async fn log_in(
        self: &Arc<Self>,
        name: Option<UserName>,
        password: Password,
        address: IpAddr,
    ) -> Result<User, Rejection> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Rejection::Busy)?;
        let users = self.directory.users()?;
        let user = name.and_then(|name| users.named(&name)).cloned();
        let id = user.as_ref().map(|user| user.id.as_str());
        let attempt =
            self.attempts.lock().begin(self.clock.instant(), address, id).map_err(Rejection::TooMany)?;
        let _hashing = self.hashing.acquire().await.map_err(|_| Rejection::Busy)?;
        let issuer = self.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let matches = password.matches(user.as_ref().map_or(&issuer.nobody, |user| &user.password));
            user.filter(|_| matches)
        });
        let user = checked.await.map_err(|_| Rejection::Internal)?.ok_or(Rejection::Grant(WRONG))?;
        self.attempts.lock().succeeded(attempt);
        Ok(user)
    }

    /// Adds the requested claims.
    async fn extend(
        self: &Arc<Self>,
        mut grant: Grant,
        user: &User,
        claims: WantedClaims,
    ) -> Result<Grant, Rejection> {
        let WantedClaims { scope, did, mailbox } = claims;
        if let Some(scope) = scope {
            let is_granted =
                scope.split(' ').all(|scope| grant.scope.split(' ').any(|granted| granted == scope));
            grant.scope = if is_granted { scope } else { return Err(Rejection::Scope) };
        }
        if let Some(proven) = did {
            grant.did = Some(self.proven(proven, user)?);
        }
        if let Some(mailbox) = mailbox {
            self.register(user.id.clone(), mailbox).await?;
            grant.mailbox = Some(mailbox);
        }
        Ok(grant)
    }

    /// DID of a proof that is current and valid.
    fn proven(&self, proven: ProvenDid, user: &User) -> Result<String, Rejection> {
        let ProvenDid { did, signature, at } = proven;
        let now = self.clock.now();
        if now.since(at).max(at.since(now)) > PROOF_AGE {
            return Err(Rejection::Request("did_proof_at is more than 5 minutes off"));
        }
        let login = Login { issuer: &self.settings.url, user: user.name.as_str(), at };
        if !login.is_proven(&did, &signature) {
            return Err(Rejection::Request("did_proof is no signature of the key of did"));
        }
        Ok(did.as_str().to_owned())
    }

    async fn register(self: &Arc<Self>, user: String, mailbox: MailboxId) -> Result<(), Rejection> {
        let issuer = self.clone();
        let registered =
            tokio::task::spawn_blocking(move || issuer.directory.register_mailbox(&user, mailbox));
        registered.await.map_err(|_| Rejection::Internal)?.map_err(|error| match error {
            ChangeError::Mailbox => {
                Rejection::Request("the mailbox is that of another user, or one too many")
            }
            // Removed between the check of the password and now.
            ChangeError::NoUser => Rejection::Grant(ENDED),
            other @ (ChangeError::File(_)
            | ChangeError::Password(_)
            | ChangeError::Taken
            | ChangeError::UserId
            | ChangeError::NoKey
            | ChangeError::Signing
            | ChangeError::TooManyKeys) => internal(&other),
        })
    }
}

fn internal(error: &(impl std::error::Error + 'static)) -> Rejection {
    tracing::error!(error = error as &dyn std::error::Error, "failed to access the files of the issuer");
    Rejection::Internal
}

impl From<FileError> for Rejection {
    fn from(error: FileError) -> Self {
        internal(&error)
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("settings", &self.settings).finish_non_exhaustive()
    }
}
